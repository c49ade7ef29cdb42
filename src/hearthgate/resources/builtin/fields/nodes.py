"""core/v1 Node."""

from typing import Final

TABLE: Final = """
Node: A machine.
  = v1 Node nodes
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec NodeSpec: What is wanted of it.
  3 status NodeStatus: Its state.

NodeSpec: What is wanted of a Node.
  1 podCIDR string: The network of its Pods.
  7 podCIDRs []string set merge: The same for each address family.
  3 providerID string: What the cloud calls it.
  4 unschedulable bool: Whether new Pods are kept away from it.
  5 taints []Taint: What keeps Pods away that do not tolerate it.
  6 configSource open: No longer used.
  2 externalID string: No longer used.

NodeStatus: The state of a Node.
  1 capacity {}Quantity: All that it has.
  2 allocatable {}Quantity: What of it Pods may use.
  3 phase string: No longer used.
  4 conditions []NodeCondition map=type merge=type: The state by aspects, such as Ready.
  5 addresses []NodeAddress map=type merge=type: Where it is reached.
  6 daemonEndpoints NodeDaemonEndpoints: The ports of its daemons.
  7 nodeInfo NodeSystemInfo: What it is and runs.
  8 images []ContainerImage: The images it holds.
  9 volumesInUse []string: Volumes that are mounted.
  10 volumesAttached []AttachedVolume: Volumes that are attached.
  11 config open: No longer used.
  12 runtimeHandlers []NodeRuntimeHandler: The container runtimes it offers.
  13 features NodeFeatures?: What its container runtime can do.

Taint: Keeps away Pods that do not tolerate it.
  1 key string!: Its key.
  2 value string: Its value.
  3 effect string!: NoSchedule, PreferNoSchedule or NoExecute.
  4 timeAdded Time?: When it was put on.

NodeCondition: One aspect of the state of a Node.
  1 type string!: Which aspect.
  2 status string!: True, False or Unknown.
  3 lastHeartbeatTime Time: When it was last heard of.
  4 lastTransitionTime Time: When status changed last.
  5 reason string: Why, in one word.
  6 message string: Details for people.

NodeAddress: One address of a Node.
  1 type string!: InternalIP, ExternalIP, Hostname, InternalDNS or ExternalDNS.
  2 address string!: The address.

NodeDaemonEndpoints: The ports of the daemons of a Node.
  1 kubeletEndpoint DaemonEndpoint: The kubelet's.

DaemonEndpoint: The port of a daemon.
  1 Port int32!: The number.

NodeSystemInfo: What a Node is and runs.
  1 machineID string!: The id of the machine.
  2 systemUUID string!: The id of the hardware.
  3 bootID string!: The id of this boot.
  4 kernelVersion string!: The kernel.
  5 osImage string!: The operating system, for people.
  6 containerRuntimeVersion string!: The container runtime.
  7 kubeletVersion string!: The kubelet, or what stands for it.
  8 kubeProxyVersion string!: No longer used.
  9 operatingSystem string!: linux or windows.
  10 architecture string!: The processor, such as amd64.
  11 swap NodeSwapStatus?: Its swap space.

NodeSwapStatus: The swap space of a Node.
  1 capacity int64?: How many bytes.

ContainerImage: An image on a Node.
  1 names []string: Its names.
  2 sizeBytes int64: How large it is.

AttachedVolume: A volume at a Node.
  1 name string!: Its name.
  2 devicePath string!: Its device.

NodeRuntimeHandler: A container runtime.
  1 name string!: Its name; empty is the default.
  2 features NodeRuntimeHandlerFeatures?: What it can do.

NodeRuntimeHandlerFeatures: What a container runtime can do.
  1 recursiveReadOnlyMounts bool?: Mount read-only all the way down.
  2 userNamespaces bool?: Give Pods users of their own.

NodeFeatures: What the container runtime of a Node can do.
  1 supplementalGroupsPolicy bool?: Obey the policy on supplemental groups.
"""
