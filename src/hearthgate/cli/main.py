"""`hearthgate`: the commands."""

import click

from hearthgate import __version__
from hearthgate.cli.backup import backup
from hearthgate.cli.can_reach import can_reach
from hearthgate.cli.certs import certs
from hearthgate.cli.check import check
from hearthgate.cli.dns import dns
from hearthgate.cli.explain import explain
from hearthgate.cli.export import export
from hearthgate.cli.ips import ips
from hearthgate.cli.policy import policy
from hearthgate.cli.restore import restore
from hearthgate.cli.speaker import speaker
from hearthgate.cli.up import up
from hearthgate.cli.user import user


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hearthgate", message="%(prog)s %(version)s")
def main() -> None:
    """The networking layer of a homelab: ingress from Kubernetes manifests, with or without Kubernetes."""


main.add_command(up)
main.add_command(check)
main.add_command(user)
main.add_command(backup)
main.add_command(restore)
main.add_command(export)
main.add_command(certs)
main.add_command(ips)
main.add_command(explain)
main.add_command(can_reach)
main.add_command(policy)
main.add_command(dns)
main.add_command(speaker)
