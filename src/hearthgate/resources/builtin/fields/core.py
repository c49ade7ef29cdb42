"""core/v1 Namespace, Secret, ConfigMap, ServiceAccount, Event; events.k8s.io/v1; coordination.k8s.io/v1."""

from typing import Final

TABLE: Final = """
Namespace: A space for names.
  = v1 Namespace namespaces
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec NamespaceSpec: What is wanted of it.
  3 status NamespaceStatus: Its state.

NamespaceSpec: What is wanted of a Namespace.
  1 finalizers []string: Names that must be removed before the Namespace goes.

NamespaceStatus: The state of a Namespace.
  1 phase string: Active or Terminating.
  2 conditions []NamespaceCondition map=type merge=type: The state by aspects.

NamespaceCondition: One aspect of the state of a Namespace.
  1 type string!: Which aspect.
  2 status string!: True, False or Unknown.
  4 lastTransitionTime Time: When status changed last.
  5 reason string: Why, in one word.
  6 message string: Details for people.

Secret: Small confidential data: passwords, keys, certificates.
  = v1 Secret secrets
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  5 immutable bool?: Whether the data can no longer be changed.
  2 data {}bytes: Names and values; the values in base64.
  4 stringData {}string: Names and plain values, folded into data when written; never read back.
  3 type string: What the data are for; some types demand certain names.

ConfigMap: Small data that are not confidential.
  = v1 ConfigMap configmaps
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  4 immutable bool?: Whether the data can no longer be changed.
  2 data {}string: Names and texts.
  3 binaryData {}bytes: Names and bytes; the bytes in base64.

ServiceAccount: An identity for programs.
  = v1 ServiceAccount serviceaccounts
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 secrets []ObjectReference map=name merge=name: Secrets that Pods of this account may use.
  3 imagePullSecrets []LocalObjectReference: Secrets for pulling images.
  4 automountServiceAccountToken bool?: Whether Pods get a token of this account.

Event: Something that happened to an object.
  = v1 Event events
  1 metadata ObjectMeta!: Name, namespace and labels.
  2 involvedObject ObjectReference!: The object it is about.
  3 reason string: Why, in one word.
  4 message string: What happened, for people.
  5 source EventSource: Who reports it.
  6 firstTimestamp Time: When it was seen first.
  7 lastTimestamp Time: When it was seen last.
  8 count int32: How often it was seen.
  9 type string: Normal or Warning.
  10 eventTime MicroTime: When it happened.
  11 series EventSeries?: For events that repeat.
  12 action string: What was done or failed.
  13 related ObjectReference?: A second object that matters.
  14 reportingComponent string!: The controller that reports it.
  15 reportingInstance string!: Which instance of the controller.

EventSource: Who reports an event.
  1 component string: The program.
  2 host string: The node it runs on.

EventSeries: How often an event repeated.
  1 count int32: How many times.
  2 lastObservedTime MicroTime: When it was seen last.

ObjectReference atomic: A pointer to an object.
  1 kind string: Its kind.
  2 namespace string: Its namespace.
  3 name string: Its name.
  4 uid string: Its uid.
  5 apiVersion string: Its API version.
  6 resourceVersion string: The revision that is meant.
  7 fieldPath string: The part of the object that is meant.

LocalObjectReference atomic: The name of an object in the same namespace.
  1 name string: The name.

TypedLocalObjectReference atomic: An object of some kind in the same namespace.
  1 apiGroup string?: The API group; left out is the core group.
  2 kind string!: The kind.
  3 name string!: The name.

EventRecord: Something that happened to an object.
  = events.k8s.io/v1 Event events
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 eventTime MicroTime!: When it was seen first.
  3 series EventRecordSeries?: For events that repeat.
  4 reportingController string: The controller that reports it.
  5 reportingInstance string: Which instance of the controller.
  6 action string: What was done or failed.
  7 reason string: Why, in one word.
  8 regarding ObjectReference: The object it is about.
  9 related ObjectReference?: A second object that matters.
  10 note string: What happened, for people.
  11 type string: Normal or Warning.
  12 deprecatedSource EventSource: The source of the same event in the core group.
  13 deprecatedFirstTimestamp Time: The firstTimestamp of the same event in the core group.
  14 deprecatedLastTimestamp Time: The lastTimestamp of the same event in the core group.
  15 deprecatedCount int32: The count of the same event in the core group.

EventRecordSeries: How often an event repeated.
  1 count int32!: How many times.
  2 lastObservedTime MicroTime!: When it was seen last.

Lease: A claim that its holder renews: for elections and heartbeats.
  = coordination.k8s.io/v1 Lease leases
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec LeaseSpec: Who holds it and until when.

LeaseSpec: Who holds a Lease and until when.
  1 holderIdentity string?: The holder; empty when it is free.
  2 leaseDurationSeconds int32?: How long others wait after the last renewal.
  3 acquireTime MicroTime?: When the holder got it.
  4 renewTime MicroTime?: When the holder renewed it last.
  5 leaseTransitions int32?: How often it changed hands.
  6 strategy string?: How the holder is chosen in a coordinated election.
  7 preferredHolder string?: Who should get it next.
"""
