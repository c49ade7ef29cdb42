"""The reviews of authentication.k8s.io/v1 and authorization.k8s.io/v1."""

from typing import Final

TABLE: Final = """
SelfSubjectReview: Asks who the caller is.
  = authentication.k8s.io/v1 SelfSubjectReview selfsubjectreviews
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 status SelfSubjectReviewStatus: The answer.

SelfSubjectReviewStatus: Who the caller is.
  1 userInfo UserInfo: The user and its groups.

UserInfo: A user.
  1 username string: The name.
  2 uid string: A number or text that is never used again for another user.
  3 groups []string: The groups the user is in.
  4 extra {}ExtraValue: More from whoever authenticated the user.

TokenReview: Asks whose a bearer token is.
  = authentication.k8s.io/v1 TokenReview tokenreviews
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec TokenReviewSpec!: The token.
  3 status TokenReviewStatus: The answer.

TokenReviewSpec: A token to look at.
  1 token string: The token.
  2 audiences []string: For whom the token must be meant.

TokenReviewStatus: Whose a token is.
  1 authenticated bool: Whether it is a valid token.
  2 user UserInfo: Whose it is.
  4 audiences []string: For whom it is meant, among those asked for.
  3 error string: Why it could not be checked.

TokenRequest: Asks for a token of a service account.
  = authentication.k8s.io/v1 TokenRequest tokenrequests
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec TokenRequestSpec!: What kind of token.
  3 status TokenRequestStatus: The token.

TokenRequestSpec: What kind of token is wanted.
  1 audiences []string!: For whom it is to be meant.
  4 expirationSeconds int64?: How long it should be valid.
  3 boundObjectRef BoundObjectReference?: The object with whose end it becomes invalid.

TokenRequestStatus: A token.
  1 token string!: The token.
  2 expirationTimestamp Time!: Until when it is valid.

BoundObjectReference: The object with whose end a token becomes invalid.
  1 kind string: Its kind: Pod, Secret or Node.
  2 apiVersion string: Its API version.
  3 name string: Its name.
  4 uid string: Its uid.

SelfSubjectAccessReview: Asks whether the caller may do something.
  = authorization.k8s.io/v1 SelfSubjectAccessReview selfsubjectaccessreviews
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec SelfSubjectAccessReviewSpec!: What is to be done.
  3 status SubjectAccessReviewStatus: The answer.

SelfSubjectAccessReviewSpec: What the caller wants to do: to an object, or to a path.
  1 resourceAttributes ResourceAttributes?: Something done to objects.
  2 nonResourceAttributes NonResourceAttributes?: Something done to a path.

SubjectAccessReview: Asks whether a user may do something.
  = authorization.k8s.io/v1 SubjectAccessReview subjectaccessreviews
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec SubjectAccessReviewSpec!: Who wants to do what.
  3 status SubjectAccessReviewStatus: The answer.

SubjectAccessReviewSpec: What a user wants to do.
  1 resourceAttributes ResourceAttributes?: Something done to objects.
  2 nonResourceAttributes NonResourceAttributes?: Something done to a path.
  3 user string: The user.
  4 groups []string: The groups of the user.
  5 extra {}ExtraValue: More about the user.
  6 uid string: The uid of the user.

SubjectAccessReviewStatus: Whether something may be done.
  1 allowed bool!: Whether it may be done.
  4 denied bool: Whether it is forbidden outright.
  2 reason string: Why.
  3 evaluationError string: What went wrong when it was decided.

LocalSubjectAccessReview: Asks whether a user may do something in one namespace.
  = authorization.k8s.io/v1 LocalSubjectAccessReview localsubjectaccessreviews
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec SubjectAccessReviewSpec!: Who wants to do what.
  3 status SubjectAccessReviewStatus: The answer.

SelfSubjectRulesReview: Asks for all that the caller may do in a namespace.
  = authorization.k8s.io/v1 SelfSubjectRulesReview selfsubjectrulesreviews
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec SelfSubjectRulesReviewSpec!: The namespace.
  3 status SubjectRulesReviewStatus: The answer.

SelfSubjectRulesReviewSpec: The namespace to look at.
  1 namespace string: Its name.

SubjectRulesReviewStatus: What the caller may do.
  1 resourceRules []ResourceRule!: What may be done to objects.
  2 nonResourceRules []NonResourceRule!: What may be done to paths.
  3 incomplete bool!: Whether there may be more.
  4 evaluationError string: What went wrong when it was listed.

ResourceAttributes: Something done to objects.
  1 namespace string: The namespace; empty is all, or none for kinds without one.
  2 verb string: What is done: get, list, watch, create, update, patch, delete, or * for all.
  3 group string: The API group; * is all.
  4 version string: The version; * is all.
  5 resource string: The resource; * is all.
  6 subresource string: The subresource, if any.
  7 name string: The name of the object; empty is all.
  8 fieldSelector FieldSelectorAttributes?: Only objects with such fields.
  9 labelSelector LabelSelectorAttributes?: Only objects with such labels.

NonResourceAttributes: Something done to a path.
  1 path string: The path.
  2 verb string: What is done.

ResourceRule: What may be done to objects.
  1 verbs []string!: The verbs; * is all.
  2 apiGroups []string: The API groups; * is all.
  3 resources []string: The resources; * is all.
  4 resourceNames []string: The names; all when empty.

NonResourceRule: What may be done to paths.
  1 verbs []string!: The verbs; * is all.
  2 nonResourceURLs []string: The paths; * at the end stands for anything.

FieldSelectorAttributes: Fields that objects are limited to.
  1 rawSelector string: The selector as text.
  2 requirements []FieldSelectorRequirement: The selector as requirements.

LabelSelectorAttributes: Labels that objects are limited to.
  1 rawSelector string: The selector as text.
  2 requirements []LabelSelectorRequirement: The selector as requirements.
"""
