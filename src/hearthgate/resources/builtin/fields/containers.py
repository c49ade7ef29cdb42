"""The containers of a Pod."""

from typing import Final

TABLE: Final = """
Container: One container.
  1 name string!: Its name; unique in the Pod.
  2 image string: Its image.
  3 command []string: The program and its first arguments; the image's entry point when left out.
  4 args []string: Arguments; those of the image when left out.
  5 workingDir string: Where it starts.
  6 ports []ContainerPort map=containerPort,protocol merge=containerPort: Ports it listens on.
  19 envFrom []EnvFromSource: Sources of many variables.
  7 env []EnvVar map=name merge=name: Variables of its environment.
  8 resources ResourceRequirements: What it needs and may use.
  23 resizePolicy []ContainerResizePolicy: What a change of resources entails.
  24 restartPolicy string?: Always makes an init container run along.
  9 volumeMounts []VolumeMount map=mountPath merge=mountPath: Volumes in its file system.
  21 volumeDevices []VolumeDevice map=devicePath merge=devicePath: Volumes as devices.
  10 livenessProbe Probe?: When it fails, the container starts again.
  11 readinessProbe Probe?: While it fails, the container gets no traffic.
  22 startupProbe Probe?: Until it passes, the others wait.
  12 lifecycle Lifecycle?: What to do after the start and before the end.
  13 terminationMessagePath string: The file with its last words.
  20 terminationMessagePolicy string: File, or FallbackToLogsOnError.
  14 imagePullPolicy string: Always, IfNotPresent or Never.
  15 securityContext SecurityContext?: Its rights.
  16 stdin bool: Whether it has an input.
  17 stdinOnce bool: Whether the input ends with the first client.
  18 tty bool: Whether it has a terminal.

EphemeralContainer: A container added later.
  1 - Container inline
  2 targetContainerName string: The container whose processes it sees.

ContainerPort: A port that a container listens on.
  1 name string: Its name.
  2 hostPort int32: The port at the Node.
  3 containerPort int32!: The number.
  4 protocol string default=TCP: TCP, UDP or SCTP.
  5 hostIP string: The address at the Node.

EnvFromSource: A source of many variables.
  1 prefix string: What goes in front of each name.
  2 configMapRef ConfigMapEnvSource?: A ConfigMap.
  3 secretRef SecretEnvSource?: A Secret.

ConfigMapEnvSource: A ConfigMap as a source of variables.
  1 - LocalObjectReference inline
  2 optional bool?: Whether it may be missing.

SecretEnvSource: A Secret as a source of variables.
  1 - LocalObjectReference inline
  2 optional bool?: Whether it may be missing.

EnvVar: A variable.
  1 name string!: Its name.
  2 value string: Its value.
  3 valueFrom EnvVarSource?: Where its value comes from.

EnvVarSource: Where a value comes from.
  1 fieldRef ObjectFieldSelector?: A field of the Pod.
  2 resourceFieldRef ResourceFieldSelector?: A resource of the container.
  3 configMapKeyRef ConfigMapKeySelector?: A key of a ConfigMap.
  4 secretKeyRef SecretKeySelector?: A key of a Secret.

ObjectFieldSelector atomic: A field of an object.
  1 apiVersion string: The version in which it is named.
  2 fieldPath string!: The field.

ResourceFieldSelector atomic: A resource of a container.
  1 containerName string: The container.
  2 resource string!: The resource.
  3 divisor Quantity: The unit.

ConfigMapKeySelector atomic: A key of a ConfigMap.
  1 - LocalObjectReference inline
  2 key string!: The key.
  3 optional bool?: Whether it may be missing.

SecretKeySelector atomic: A key of a Secret.
  1 - LocalObjectReference inline
  2 key string!: The key.
  3 optional bool?: Whether it may be missing.

ResourceRequirements: What is needed and what may be used.
  1 limits {}Quantity: The most that may be used.
  2 requests {}Quantity: What is set aside.
  3 claims []ResourceClaim map=name: Devices of the Pod that are used.

ResourceClaim: A device of the Pod that is used.
  1 name string!: Its name in the Pod.
  2 request string: One request of the claim.

ContainerResizePolicy: What a change of a resource entails.
  1 resourceName string!: The resource.
  2 restartPolicy string!: NotRequired or RestartContainer.

VolumeMount: A volume in the file system of a container.
  1 name string!: The volume.
  2 readOnly bool: Whether it is read-only.
  7 recursiveReadOnly string?: Whether it is read-only all the way down: Disabled, IfPossible or Enabled.
  3 mountPath string!: Where it is mounted.
  4 subPath string: The part of the volume.
  5 mountPropagation string?: None, HostToContainer or Bidirectional.
  6 subPathExpr string: The part of the volume, with variables.

VolumeDevice: A volume as a device.
  1 name string!: The volume.
  2 devicePath string!: Where the device is.

Probe: A check of a container.
  1 - ProbeHandler inline
  2 initialDelaySeconds int32: How long to wait after the start.
  3 timeoutSeconds int32: How long an answer may take.
  4 periodSeconds int32: How often to look.
  5 successThreshold int32: How many successes make it pass.
  6 failureThreshold int32: How many failures make it fail.
  7 terminationGracePeriodSeconds int64?: How long the Pod may take to end when it fails.

ProbeHandler: How a check is made: one of four.
  1 exec ExecAction?: By a command.
  2 httpGet HTTPGetAction?: By an HTTP request.
  3 tcpSocket TCPSocketAction?: By a connection.
  4 grpc GRPCAction?: By a gRPC health check.

Lifecycle: What to do after the start and before the end.
  1 postStart LifecycleHandler?: After the start.
  2 preStop LifecycleHandler?: Before the end.
  3 stopSignal string?: The signal that stops the container.

LifecycleHandler: What to do: one of four.
  1 exec ExecAction?: Run a command.
  2 httpGet HTTPGetAction?: Make an HTTP request.
  3 tcpSocket TCPSocketAction?: No longer used.
  4 sleep SleepAction?: Wait.

ExecAction: A command.
  1 command []string: The program and its arguments.

HTTPGetAction: An HTTP request.
  1 path string: The path.
  2 port IntOrString!: The port, by number or name.
  3 host string: The host; the Pod when left out.
  4 scheme string: HTTP or HTTPS.
  5 httpHeaders []HTTPHeader: Headers to send.

HTTPHeader: A header.
  1 name string!: Its name.
  2 value string!: Its value.

TCPSocketAction: A connection.
  1 port IntOrString!: The port, by number or name.
  2 host string: The host; the Pod when left out.

GRPCAction: A gRPC health check.
  1 port int32!: The port.
  2 service string?: The service to ask about.

SleepAction: Waiting.
  1 seconds int64!: How long.

SecurityContext: The rights of a container.
  1 capabilities Capabilities?: Capabilities to add and to drop.
  2 privileged bool?: Whether it may do all that the Node may.
  3 seLinuxOptions SELinuxOptions?: The SELinux context.
  10 windowsOptions WindowsSecurityContextOptions?: Settings for Windows.
  4 runAsUser int64?: The user.
  8 runAsGroup int64?: The group.
  5 runAsNonRoot bool?: Whether to refuse to run as root.
  6 readOnlyRootFilesystem bool?: Whether its file system is read-only.
  7 allowPrivilegeEscalation bool?: Whether processes may gain rights.
  9 procMount string?: Default or Unmasked.
  11 seccompProfile SeccompProfile?: The seccomp profile.
  12 appArmorProfile AppArmorProfile?: The AppArmor profile.

Capabilities: Capabilities of POSIX.
  1 add []string: Those to add.
  2 drop []string: Those to drop.

SELinuxOptions: An SELinux context.
  1 user string: The user.
  2 role string: The role.
  3 type string: The type.
  4 level string: The level.

WindowsSecurityContextOptions: Settings for Windows.
  1 gmsaCredentialSpecName string?: The name of a credential spec.
  2 gmsaCredentialSpec string?: A credential spec.
  3 runAsUserName string?: The user.
  4 hostProcess bool?: Whether it runs as a process of the host.

SeccompProfile: A seccomp profile.
  1 type string!: Localhost, RuntimeDefault or Unconfined.
  2 localhostProfile string?: The file on the Node, with Localhost.

AppArmorProfile: An AppArmor profile.
  1 type string!: Localhost, RuntimeDefault or Unconfined.
  2 localhostProfile string?: The profile on the Node, with Localhost.
"""
