"""`hearthgate`: the commands."""

import click

from hearthgate import __version__
from hearthgate.cli.check import check
from hearthgate.cli.up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hearthgate", message="%(prog)s %(version)s")
def main() -> None:
    """The networking layer of a homelab: ingress from Kubernetes manifests, with or without Kubernetes."""


main.add_command(up)
main.add_command(check)
