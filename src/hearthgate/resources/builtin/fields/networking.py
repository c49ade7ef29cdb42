"""networking.k8s.io/v1."""

from typing import Final

TABLE: Final = """
Ingress: Rules that lead HTTP requests from outside to Services.
  = networking.k8s.io/v1 Ingress ingresses
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec IngressSpec: The rules.
  3 status IngressStatus: Where the Ingress is reached.

IngressSpec: The rules of an Ingress.
  4 ingressClassName string?: The class that serves it; the default class when left out.
  1 defaultBackend IngressBackend?: Where requests go that no rule matches.
  2 tls []IngressTLS: Certificates for hosts.
  3 rules []IngressRule: Where requests go, by host and path.

IngressStatus: Where an Ingress is reached.
  1 loadBalancer IngressLoadBalancerStatus: The addresses of the controller that serves it.

IngressBackend: Where requests go: a Service or another object, never both.
  4 service IngressServiceBackend?: A Service.
  3 resource TypedLocalObjectReference?: Another object in the namespace.

IngressServiceBackend: A Service and one of its ports.
  1 name string!: The name of the Service.
  2 port ServiceBackendPort: The port of the Service.

ServiceBackendPort atomic: A port by name or by number, never both.
  1 name string: The name.
  2 number int32: The number.

IngressTLS: A certificate for some hosts.
  1 hosts []string: The hosts it is for.
  2 secretName string: The Secret that holds the certificate.

IngressRule: What becomes of the requests to one host.
  1 host string: The host; a wildcard stands for one label. All hosts when left out.
  2 - IngressRuleValue inline

IngressRuleValue: What becomes of requests.
  1 http HTTPIngressRuleValue?: Paths and where they lead.

HTTPIngressRuleValue: Paths and where they lead.
  1 paths []HTTPIngressPath!: The paths.

HTTPIngressPath: A path and where it leads.
  1 path string: The path; starts with a slash.
  3 pathType string?: How it is compared: Exact, Prefix or ImplementationSpecific.
  2 backend IngressBackend!: Where it leads.

IngressLoadBalancerStatus: Where an Ingress is reached.
  1 ingress []IngressLoadBalancerIngress: The addresses or names.

IngressLoadBalancerIngress: One way in.
  1 ip string: Its address.
  2 hostname string: Its DNS name.
  4 ports []IngressPortStatus: The state of each port.

IngressPortStatus: The state of one port.
  1 port int32!: The port.
  2 protocol string!: TCP, UDP or SCTP.
  3 error string?: What failed, in one word.

IngressClass: A kind of Ingress and the controller that serves it.
  = networking.k8s.io/v1 IngressClass ingressclasses
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec IngressClassSpec: The controller and its parameters.

IngressClassSpec: The controller of a class.
  1 controller string: The name of the controller, such as traefik.io/ingress-controller; cannot be changed.
  2 parameters IngressClassParametersReference?: An object with more settings.

IngressClassParametersReference: An object with settings of a class.
  1 apiGroup string?: The API group; left out is the core group.
  2 kind string!: The kind.
  3 name string!: The name.
  4 scope string?: Cluster or Namespace.
  5 namespace string?: The namespace, with scope Namespace.

NetworkPolicy: Which traffic some Pods may have.
  = networking.k8s.io/v1 NetworkPolicy networkpolicies
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec NetworkPolicySpec: The Pods and their traffic.

NetworkPolicySpec: Which traffic some Pods may have.
  1 podSelector LabelSelector!: The Pods it applies to; empty is all of the namespace.
  2 ingress []NetworkPolicyIngressRule: What may come in; nothing when empty.
  3 egress []NetworkPolicyEgressRule: What may go out; nothing when empty.
  4 policyTypes []string: Which directions it restricts: Ingress, Egress.

NetworkPolicyIngressRule: Traffic that may come in.
  1 ports []NetworkPolicyPort: At these ports; all when empty.
  2 from []NetworkPolicyPeer: From these peers; all when empty.

NetworkPolicyEgressRule: Traffic that may go out.
  1 ports []NetworkPolicyPort: To these ports; all when empty.
  2 to []NetworkPolicyPeer: To these peers; all when empty.

NetworkPolicyPort: Ports of one protocol.
  1 protocol string?: TCP, UDP or SCTP.
  2 port IntOrString?: The port by number or name; all when left out.
  3 endPort int32?: The last port of a range that starts with port.

NetworkPolicyPeer: One side of traffic.
  1 podSelector LabelSelector?: Pods by labels, in the namespaces selected or in this one.
  2 namespaceSelector LabelSelector?: Namespaces by labels.
  3 ipBlock IPBlock?: A network; excludes the other two.

IPBlock: A network.
  1 cidr string!: The network, such as 192.168.0.0/16.
  2 except []string: Networks inside it that do not count.
"""
