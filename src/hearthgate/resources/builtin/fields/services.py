"""core/v1 Service and Endpoints, discovery.k8s.io/v1 EndpointSlice."""

from typing import Final

TABLE: Final = """
Service: A name and ports under which a set of endpoints is reached.
  = v1 Service services
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec ServiceSpec: What is offered, and through what.
  3 status ServiceStatus: What others found or gave.

ServiceSpec: What a Service offers.
  1 ports []ServicePort map=port,protocol merge=port: The ports it is reached at.
  2 selector {}string atomic: The labels of the Pods behind it; without one, its endpoints are made by hand.
  3 clusterIP string: None for a headless Service; otherwise a cluster's own address. Hearthgate gives none.
  18 clusterIPs []string: The same for each address family.
  4 type string: ClusterIP, NodePort, LoadBalancer or ExternalName.
  5 externalIPs []string: Addresses outside that lead to nodes and are accepted for this Service.
  7 sessionAffinity string: None, or ClientIP to keep a client at one endpoint.
  8 loadBalancerIP string: The address wanted from the load balancer; annotations have replaced it.
  9 loadBalancerSourceRanges []string: The client networks that the load balancer lets in.
  10 externalName string: The DNS name that the Service stands for, with type ExternalName.
  11 externalTrafficPolicy string: Cluster, or Local to keep outside traffic on its node with its client address.
  12 healthCheckNodePort int32: The node port of the health check for externalTrafficPolicy Local.
  13 publishNotReadyAddresses bool: Whether endpoints that are not ready count as ready.
  14 sessionAffinityConfig SessionAffinityConfig?: Details of the session affinity.
  19 ipFamilies []string: IPv4, IPv6 or both, in order of preference.
  17 ipFamilyPolicy string?: SingleStack, PreferDualStack or RequireDualStack.
  20 allocateLoadBalancerNodePorts bool?: Whether a load balancer Service gets node ports too.
  21 loadBalancerClass string?: Which load balancer serves it; cannot be changed.
  22 internalTrafficPolicy string?: Cluster, or Local to keep traffic from inside on its node.
  23 trafficDistribution string?: A preference among endpoints, such as PreferClose.

ServiceStatus: The state of a Service.
  1 loadBalancer LoadBalancerStatus: What the load balancer gave.
  2 conditions []Condition map=type merge=type: The state by aspects.

ServicePort: One port of a Service.
  1 name string: Its name; required when there are several ports.
  2 protocol string default=TCP: TCP, UDP or SCTP.
  6 appProtocol string?: The protocol spoken on the connection, such as kubernetes.io/h2c.
  3 port int32!: The port at which the Service is reached.
  4 targetPort IntOrString: The port of the endpoints, by number or by the name of a container port.
  5 nodePort int32: The port at every node. Hearthgate allocates none.

SessionAffinityConfig: Details of the session affinity.
  1 clientIP ClientIPConfig?: For affinity by client address.

ClientIPConfig: Affinity by client address.
  1 timeoutSeconds int32?: For how long a client stays at its endpoint.

LoadBalancerStatus: What the load balancer gave.
  1 ingress []LoadBalancerIngress: The addresses or names at which the Service is reached.

LoadBalancerIngress: One way in through the load balancer.
  1 ip string: Its address.
  2 hostname string: Its DNS name.
  3 ipMode string?: VIP, or Proxy when the load balancer is the sender that the nodes see.
  4 ports []PortStatus: The state of each port.

PortStatus: The state of one port of a load balancer.
  1 port int32!: The port.
  2 protocol string!: TCP, UDP or SCTP.
  3 error string?: What failed, in one word.

Endpoints: The addresses behind a Service in one object; EndpointSlice has replaced it.
  = v1 Endpoints endpoints
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 subsets []EndpointSubset: Addresses with the ports they have in common.

EndpointSubset: Addresses that have the same ports.
  1 addresses []EndpointAddress: Those that are ready.
  2 notReadyAddresses []EndpointAddress: Those that are not.
  3 ports []EndpointPort: The ports of every address.

EndpointAddress atomic: One address.
  1 ip string!: The address.
  3 hostname string: The host name of this endpoint.
  4 nodeName string?: The node it is on.
  2 targetRef ObjectReference?: The object behind it.

EndpointPort atomic: One port.
  1 name string: The name of the Service's port.
  2 port int32!: The number.
  3 protocol string: TCP, UDP or SCTP.
  4 appProtocol string?: The protocol spoken on the connection.

EndpointSlice: A part of the endpoints of a Service.
  = discovery.k8s.io/v1 EndpointSlice endpointslices
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  4 addressType string!: IPv4, IPv6 or FQDN; cannot be changed.
  2 endpoints []Endpoint!: The endpoints; at most 1000.
  3 ports []SlicePort: The ports of every endpoint; at most 100.

Endpoint: One backend of a Service.
  1 addresses []string! set: Its addresses; readers use the first.
  2 conditions EndpointConditions: Whether it can take traffic.
  3 hostname string?: Its host name.
  4 targetRef ObjectReference?: The object behind it.
  5 deprecatedTopology {}string: Replaced by nodeName and zone.
  6 nodeName string?: The node it is on.
  7 zone string?: The zone it is in.
  8 hints EndpointHints?: Who should use it.

SlicePort atomic: One port of the endpoints in a slice.
  1 name string?: The name of the Service's port.
  2 protocol string?: TCP, UDP or SCTP.
  3 port int32?: The number; left out means all ports.
  4 appProtocol string?: The protocol spoken on the connection.

EndpointConditions: Whether an endpoint can take traffic.
  1 ready bool?: It takes new connections; left out counts as yes.
  2 serving bool?: It is able to serve, even while it ends.
  3 terminating bool?: It is ending.

EndpointHints: Who should use an endpoint.
  1 forZones []ForZone: The zones that should.
  2 forNodes []ForNode: The nodes that should.

ForZone: A zone that should use an endpoint.
  1 name string!: Its name.

ForNode: A node that should use an endpoint.
  1 name string!: Its name.
"""
