"""core/v1 Pod without its containers and volumes."""

from typing import Final

TABLE: Final = """
Pod: Containers that run together on one Node.
  = v1 Pod pods
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec PodSpec: What is to run and how.
  3 status PodStatus: What runs.

PodSpec: What is to run and how.
  1 volumes []Volume map=name merge=name retain: Volumes that containers may mount.
  20 initContainers []Container map=name merge=name: Run to their end one by one before the others.
  2 containers []Container! map=name merge=name: The containers.
  34 ephemeralContainers []EphemeralContainer map=name merge=name: Added later to look into a running Pod.
  3 restartPolicy string: When containers start again: Always, OnFailure or Never.
  4 terminationGracePeriodSeconds int64?: How long the Pod may take to end.
  5 activeDeadlineSeconds int64?: How long the Pod may run.
  6 dnsPolicy string: Where names are looked up: ClusterFirst, ClusterFirstWithHostNet, Default or None.
  7 nodeSelector {}string atomic: Labels that its Node must have.
  8 serviceAccountName string: The account it runs under.
  9 serviceAccount string: Replaced by serviceAccountName.
  21 automountServiceAccountToken bool?: Whether it gets a token of its account.
  10 nodeName string: The Node it runs on.
  11 hostNetwork bool: Whether it uses the network of its Node.
  12 hostPID bool: Whether it sees the processes of its Node.
  13 hostIPC bool: Whether it uses the IPC of its Node.
  27 shareProcessNamespace bool?: Whether its containers see each other's processes.
  14 securityContext PodSecurityContext?: Rights of all its containers.
  15 imagePullSecrets []LocalObjectReference map=name merge=name: Secrets for pulling images.
  16 hostname string: Its host name.
  17 subdomain string: The domain of its host name.
  18 affinity Affinity?: Which Nodes it likes.
  19 schedulerName string: Who picks its Node.
  22 tolerations []Toleration: The taints that do not keep it away.
  23 hostAliases []HostAlias map=ip merge=ip: Lines for its /etc/hosts.
  24 priorityClassName string: How important it is, by the name of a class.
  25 priority int32?: How important it is, as a number.
  26 dnsConfig PodDNSConfig?: Settings of its resolver.
  28 readinessGates []PodReadinessGate: Conditions that count for its readiness.
  29 runtimeClassName string?: The class of its container runtime.
  30 enableServiceLinks bool?: Whether Services appear in its environment.
  31 preemptionPolicy string?: Whether it may push others aside: Never or PreemptLowerPriority.
  32 overhead {}Quantity: What it costs besides its containers.
  33 topologySpreadConstraints []TopologySpreadConstraint map=topologyKey,whenUnsatisfiable merge=topologyKey: How Pods like it are spread.
  35 setHostnameAsFQDN bool?: Whether its host name is the whole domain name.
  36 os PodOS?: The operating system it needs.
  37 hostUsers bool?: Whether it shares the users of its Node.
  38 schedulingGates []PodSchedulingGate map=name merge=name: Names that must be removed before it is scheduled.
  39 resourceClaims []PodResourceClaim map=name merge=name retain: Devices it claims.
  40 resources ResourceRequirements?: What all its containers together need and may use.

PodStatus: What runs.
  17 observedGeneration int64: The generation that the status is about.
  1 phase string: Pending, Running, Succeeded, Failed or Unknown.
  2 conditions []PodCondition map=type merge=type: The state by aspects, such as Ready.
  3 message string: Details for people.
  4 reason string: Why, in one word.
  11 nominatedNodeName string: The Node where room is being made.
  5 hostIP string: The address of its Node.
  16 hostIPs []HostIP merge=ip: The same for each address family.
  6 podIP string: Its address.
  12 podIPs []PodIP map=ip merge=ip: The same for each address family.
  7 startTime Time?: When the Node took it on.
  10 initContainerStatuses []ContainerStatus: The state of its init containers.
  8 containerStatuses []ContainerStatus: The state of its containers.
  9 qosClass string: Guaranteed, Burstable or BestEffort.
  13 ephemeralContainerStatuses []ContainerStatus: The state of its ephemeral containers.
  14 resize string: The state of a change of its resources.
  15 resourceClaimStatuses []PodResourceClaimStatus map=name merge=name retain: The state of its claims.

PodCondition: One aspect of the state of a Pod.
  1 type string!: Which aspect.
  7 observedGeneration int64: The generation that it is about.
  2 status string!: True, False or Unknown.
  3 lastProbeTime Time: When it was looked at last.
  4 lastTransitionTime Time: When status changed last.
  5 reason string: Why, in one word.
  6 message string: Details for people.

HostIP: An address of the Node.
  1 ip string!: The address.

PodIP: An address of the Pod.
  1 ip string!: The address.

ContainerStatus: The state of one container.
  1 name string!: Its name.
  2 state ContainerState: What it does now.
  3 lastState ContainerState: How it ended last time.
  4 ready bool!: Whether it passes its readiness probe.
  5 restartCount int32!: How often it started again.
  6 image string!: Its image.
  7 imageID string!: The id of its image.
  8 containerID string: Its id, with the runtime in front.
  9 started bool?: Whether it passed its startup probe.
  10 allocatedResources {}Quantity: What the Node set aside for it.
  11 resources ResourceRequirements?: What it was given.
  12 volumeMounts []VolumeMountStatus map=mountPath merge=mountPath: What it has mounted.
  13 user ContainerUser?: Who it runs as.
  14 allocatedResourcesStatus []ResourceStatus map=name merge=name: The health of its devices.
  15 stopSignal string?: The signal that stops it.

ContainerState: What a container does: one of three.
  1 waiting ContainerStateWaiting?: It waits.
  2 running ContainerStateRunning?: It runs.
  3 terminated ContainerStateTerminated?: It ended.

ContainerStateWaiting: A container that waits.
  1 reason string: For what, in one word.
  2 message string: Details for people.

ContainerStateRunning: A container that runs.
  1 startedAt Time: Since when.

ContainerStateTerminated: A container that ended.
  1 exitCode int32!: Its exit code.
  2 signal int32: The signal that ended it.
  3 reason string: Why, in one word.
  4 message string: Details for people.
  5 startedAt Time: When it started.
  6 finishedAt Time: When it ended.
  7 containerID string: Its id, with the runtime in front.

VolumeMountStatus: A mount of a container.
  1 name string!: The volume.
  2 mountPath string!: Where it is mounted.
  3 readOnly bool: Whether it is read-only.
  4 recursiveReadOnly string?: Whether it is read-only all the way down.

ContainerUser: Who a container runs as.
  1 linux LinuxContainerUser?: On Linux.

LinuxContainerUser: Who a container runs as.
  1 uid int64!: The user.
  2 gid int64!: The group.
  3 supplementalGroups []int64: Further groups.

ResourceStatus: The health of devices.
  1 name string!: The resource.
  2 resources []ResourceHealth map=resourceID: Each device.

ResourceHealth: The health of one device.
  1 resourceID string!: The device.
  2 health string: Healthy, Unhealthy or Unknown.

PodResourceClaimStatus: The state of a claim.
  1 name string!: The claim in the Pod.
  2 resourceClaimName string?: The object that stands for it.

PodSecurityContext: Rights of all containers of a Pod.
  1 seLinuxOptions SELinuxOptions?: The SELinux context.
  8 windowsOptions WindowsSecurityContextOptions?: Settings for Windows.
  2 runAsUser int64?: The user.
  6 runAsGroup int64?: The group.
  3 runAsNonRoot bool?: Whether to refuse to run as root.
  4 supplementalGroups []int64: Further groups.
  12 supplementalGroupsPolicy string?: Merge with the groups of the image, or Strict.
  5 fsGroup int64?: The group that owns the volumes.
  7 sysctls []Sysctl: Kernel settings.
  9 fsGroupChangePolicy string?: When the owner of volumes is changed: OnRootMismatch or Always.
  10 seccompProfile SeccompProfile?: The seccomp profile.
  11 appArmorProfile AppArmorProfile?: The AppArmor profile.
  13 seLinuxChangePolicy string?: How volumes get their SELinux label: MountOption or Recursive.

Sysctl: A kernel setting.
  1 name string!: Its name.
  2 value string!: Its value.

PodDNSConfig: Settings of a resolver.
  1 nameservers []string: Addresses of name servers.
  2 searches []string: Domains to search.
  3 options []PodDNSConfigOption: Options.

PodDNSConfigOption: An option of a resolver.
  1 name string: Its name.
  2 value string?: Its value.

HostAlias: A line of /etc/hosts.
  1 ip string!: The address.
  2 hostnames []string: The names.

PodReadinessGate: A condition that counts for readiness.
  1 conditionType string!: The type of the condition.

PodOS: An operating system.
  1 name string!: linux or windows.

PodSchedulingGate: A name that holds up scheduling.
  1 name string!: The name.

PodResourceClaim: A device that a Pod claims.
  1 name string!: What containers call it.
  3 resourceClaimName string?: An existing claim.
  4 resourceClaimTemplateName string?: A template to make a claim from.

Affinity: Which Nodes a Pod likes.
  1 nodeAffinity NodeAffinity?: By the labels of Nodes.
  2 podAffinity PodAffinity?: Near certain Pods.
  3 podAntiAffinity PodAntiAffinity?: Away from certain Pods.

NodeAffinity: Which Nodes a Pod likes, by their labels.
  1 requiredDuringSchedulingIgnoredDuringExecution NodeSelector?: What a Node must have.
  2 preferredDuringSchedulingIgnoredDuringExecution []PreferredSchedulingTerm: What counts in favour of a Node.

PodAffinity: Which Pods a Pod wants near.
  1 requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm: Those that must be near.
  2 preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm: Those that had better be near.

PodAntiAffinity: Which Pods a Pod wants away.
  1 requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm: Those that must not be near.
  2 preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm: Those that had better not be near.

NodeSelector atomic: Nodes by terms, one of which must hold.
  1 nodeSelectorTerms []NodeSelectorTerm!: The terms.

NodeSelectorTerm atomic: Requirements that must all hold.
  1 matchExpressions []NodeSelectorRequirement: On labels.
  2 matchFields []NodeSelectorRequirement: On fields.

NodeSelectorRequirement: A requirement on one label or field.
  1 key string!: The label or field.
  2 operator string!: In, NotIn, Exists, DoesNotExist, Gt or Lt.
  3 values []string: The values to compare with.

PreferredSchedulingTerm: A term with a weight.
  1 weight int32!: From 1 to 100.
  2 preference NodeSelectorTerm!: The term.

PodAffinityTerm: Pods, and what near means.
  1 labelSelector LabelSelector?: The Pods by labels.
  2 namespaces []string: Their namespaces by name.
  3 topologyKey string!: The label of Nodes that makes a place.
  4 namespaceSelector LabelSelector?: Their namespaces by labels.
  5 matchLabelKeys []string: Labels in which they must be like this Pod.
  6 mismatchLabelKeys []string: Labels in which they must differ from this Pod.

WeightedPodAffinityTerm: A term with a weight.
  1 weight int32!: From 1 to 100.
  2 podAffinityTerm PodAffinityTerm!: The term.

Toleration: A taint that does not keep a Pod away.
  1 key string: The key of the taint; all when empty.
  2 operator string: Exists or Equal.
  3 value string: The value of the taint.
  4 effect string: The effect of the taint; all when empty.
  5 tolerationSeconds int64?: For how long, with NoExecute.

TopologySpreadConstraint: How Pods are spread over places.
  1 maxSkew int32!: How uneven it may be.
  2 topologyKey string!: The label of Nodes that makes a place.
  3 whenUnsatisfiable string!: DoNotSchedule or ScheduleAnyway.
  4 labelSelector LabelSelector?: The Pods that are counted.
  5 minDomains int32?: How many places there should be.
  6 nodeAffinityPolicy string?: Whether node affinity counts: Honor or Ignore.
  7 nodeTaintsPolicy string?: Whether taints count: Honor or Ignore.
  8 matchLabelKeys []string: Labels in which counted Pods must be like this one.
"""  # noqa: E501 - one line is one field
