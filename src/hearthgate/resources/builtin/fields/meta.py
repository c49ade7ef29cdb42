"""Metadata and what requests carry besides objects (meta.k8s.io/v1)."""

from typing import Final

TABLE: Final = """
ObjectMeta: What every object has: its name, its place and what others say about it.
  1 name string: Unique among the objects of its kind in its namespace; cannot be changed.
  2 generateName string: The start of a name that the server completes when name is left out.
  3 namespace string: The space in which the name is unique; cannot be changed.
  4 selfLink string: No longer set by any server.
  5 uid string: Unique in time and space; given by the server.
  6 resourceVersion string: The revision of the last change, for optimistic locking and watches.
  7 generation int64: Counts the changes of what is wanted; set by the server.
  8 creationTimestamp Time: When the object was created; set by the server.
  9 deletionTimestamp Time?: When the object was asked to go; it stays until its finalizers are gone.
  10 deletionGracePeriodSeconds int64?: How long it may take to end, once it has been asked to go.
  11 labels {}string: Keys and values that selectors look for.
  12 annotations {}string: Keys and values for tools; nothing selects by them.
  13 ownerReferences []OwnerReference map=uid merge=uid: The objects with whose end this one ends.
  14 finalizers []string set merge: Names that must be removed before the object goes.
  17 managedFields []ManagedFieldsEntry: Which manager set which field; kept by the server.

ListMeta: What every list has.
  1 selfLink string: No longer set by any server.
  2 resourceVersion string: The revision at which the list was read.
  3 continue string: Where the next page starts; empty on the last page.
  4 remainingItemCount int64?: How many items follow this page, as far as is known.

DeleteOptions: How an object is to be deleted.
  1 gracePeriodSeconds int64?: How long the object may take to end; 0 is at once.
  2 preconditions Preconditions?: What must hold for the object to be deleted.
  3 orphanDependents bool?: Replaced by propagationPolicy.
  4 propagationPolicy string?: What becomes of dependents: Orphan, Background or Foreground.
  5 dryRun []string: All: decide everything and store nothing.
  6 ignoreStoreReadErrorWithClusterBreakingPotential bool?: Delete even what can no longer be read from the store.

Status: What became of a request that has no object to answer with.
  1 metadata ListMeta: Metadata of a list.
  2 status string: Success or Failure.
  3 message string: What happened, for people.
  4 reason string: Why it failed, in one word for programs.
  5 details StatusDetails?: More about the reason.
  6 code int32: The HTTP status.

Condition: One aspect of the state of an object.
  1 type string!: Which aspect: one word in CamelCase.
  2 status string!: True, False or Unknown.
  3 observedGeneration int64: The generation of the object that the condition is about.
  4 lastTransitionTime Time!: When status changed last.
  5 reason string!: Why it changed last, in one word for programs.
  6 message string!: Details for people.

LabelSelector atomic: Which labels an object must have; empty matches all, left out matches none.
  1 matchLabels {}string: Labels with exactly these values.
  2 matchExpressions []LabelSelectorRequirement: Further requirements; all must hold.

TypeMeta: The kind of an object and the version of its schema.
  1 kind string: The kind of the object.
  2 apiVersion string: The version of the schema: group/version.

OwnerReference atomic: An object that owns this one.
  5 apiVersion string!: The API version of the owner.
  1 kind string!: The kind of the owner.
  3 name string!: The name of the owner.
  4 uid string!: The uid of the owner.
  6 controller bool?: Whether the owner manages this object; at most one may.
  7 blockOwnerDeletion bool?: Whether a foreground deletion of the owner waits for this object.

ManagedFieldsEntry: The fields that one manager set.
  1 manager string: The name of the manager.
  2 operation string: How it set them: Apply or Update.
  3 apiVersion string: The version in which the fields are named.
  4 time Time?: When the fields changed last.
  6 fieldsType string: The form of the fields: FieldsV1.
  7 fieldsV1 FieldsV1?: The fields as a tree.
  8 subresource string: The subresource through which they were set.

Preconditions: What must hold of an object for it to be deleted.
  1 uid string?: The uid it must have.
  2 resourceVersion string?: The revision it must have.

StatusDetails: More about why a request failed.
  1 name string: The name of the object.
  2 group string: The API group of the object.
  3 kind string: The kind or resource of the object.
  6 uid string: The uid of the object.
  4 causes []StatusCause: Each single mistake.
  5 retryAfterSeconds int32: After how many seconds to try again.

LabelSelectorRequirement: A requirement on one label.
  1 key string!: The label.
  2 operator string!: In, NotIn, Exists or DoesNotExist.
  3 values []string: The values for In and NotIn.

StatusCause: One mistake.
  1 reason string: Its nature, in one word for programs.
  2 message string: What is wrong, for people.
  3 field string: Where it is.

FieldSelectorRequirement: A requirement on one field.
  1 key string!: The field.
  2 operator string!: In, NotIn, Exists or DoesNotExist.
  3 values []string: The values for In and NotIn.
"""
