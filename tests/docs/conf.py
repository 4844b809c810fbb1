"""How sphinx makes the HTML documentation."""

import mmdr
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

project = "virtnet.linux"
html_title = project
extensions = ["myst_parser", "sphinx_antsibull_ext"]
nitpicky = True
default_role = "any"
html_theme = "furo"
html_css_files = ["more.css"]
html_static_path = ["static"]
pygments_style = "ansible"
antsibull_ext_color_scheme = "default-autodark"
html_copy_source = False
html_show_copyright = False
html_use_index = False
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

ANSIBLE = "https://docs.ansible.com/ansible/latest/"
# What antsibull-docs refers to in Ansible's own documentation, whose list of pages would have to be fetched.
PAGES = {
    "ANSIBLE_BECOME_USER": "reference_appendices/config.html#envvar-ANSIBLE_BECOME_USER",
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


class Mermaid(SphinxDirective):
    """A picture, drawn here so that a page needs nothing from elsewhere."""

    has_content = True

    def run(self):
        picture = mmdr.render("%%{init: {'theme': 'neutral'}}%%\n" + "\n".join(self.content)).svg()
        return [nodes.raw("", '<div class="picture">%s</div>' % picture, format="html")]


def elsewhere(app, env, node, text):
    page = PAGES.get(node["reftarget"])
    return page and nodes.reference("", "", text, refuri=ANSIBLE + page, internal=False)


def setup(app):
    app.add_directive("mermaid", Mermaid)
    app.connect("missing-reference", elsewhere)
