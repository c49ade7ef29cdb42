"""apiextensions.k8s.io/v1 CustomResourceDefinition."""

from typing import Final

TABLE: Final = """
CustomResourceDefinition: A kind that the API serves besides its own.
  = apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions
  1 metadata ObjectMeta: Name, namespace, labels and annotations.
  2 spec CustomResourceDefinitionSpec!: The names, the scope and the versions of the kind.
  3 status CustomResourceDefinitionStatus: Whether it is served.

CustomResourceDefinitionSpec: A kind to be served.
  1 group string!: The API group.
  3 names CustomResourceDefinitionNames!: How the kind is called.
  4 scope string!: Namespaced or Cluster.
  7 versions []CustomResourceDefinitionVersion!: The versions in which it is served.
  9 conversion CustomResourceConversion?: How objects change from version to version.
  10 preserveUnknownFields bool: Must be false: schemas say what is kept.

CustomResourceDefinitionStatus: Whether a kind is served.
  1 conditions []CustomResourceDefinitionCondition map=type: The state by aspects.
  2 acceptedNames CustomResourceDefinitionNames: The names in use.
  3 storedVersions []string: Every version in which objects may be stored.

CustomResourceDefinitionNames: How a kind is called.
  1 plural string!: In addresses.
  2 singular string: In the singular, in lowercase.
  3 shortNames []string: Short forms for command lines.
  4 kind string!: In objects.
  5 listKind string: In lists; kind with List when left out.
  6 categories []string: Groups of resources for command lines, such as all.

CustomResourceDefinitionVersion: One version of a kind.
  1 name string!: Its name, such as v1.
  2 served bool!: Whether it is served.
  3 storage bool!: Whether objects are stored in it; true for exactly one.
  7 deprecated bool: Whether its use earns a warning.
  8 deprecationWarning string?: The text of the warning.
  4 schema CustomResourceValidation?: What objects look like.
  5 subresources CustomResourceSubresources?: Which subresources objects have.
  6 additionalPrinterColumns []CustomResourceColumnDefinition: Columns of tables.
  9 selectableFields []SelectableField: Fields that selectors may name.

CustomResourceConversion: How objects change from version to version.
  1 strategy string!: None to change apiVersion only, or Webhook.
  2 webhook WebhookConversion?: The webhook that converts.

WebhookConversion: A webhook that converts objects.
  2 clientConfig WebhookClientConfig?: Where it is.
  3 conversionReviewVersions []string!: The review versions it understands, the best first.

WebhookClientConfig: Where a webhook is: a URL or a Service.
  3 url string?: The URL.
  1 service ServiceReference?: The Service.
  2 caBundle bytes: The certificates, in PEM, that its own must be signed by.

ServiceReference: A Service that runs a webhook.
  1 namespace string!: Its namespace.
  2 name string!: Its name.
  3 path string?: The path of the webhook.
  4 port int32?: Its port; 443 when left out.

CustomResourceDefinitionCondition: One aspect of the state of a definition.
  1 type string!: Which aspect: Established, NamesAccepted and others.
  2 status string!: True, False or Unknown.
  3 lastTransitionTime Time: When status changed last.
  4 reason string: Why, in one word.
  5 message string: Details for people.

CustomResourceValidation: What objects look like.
  1 openAPIV3Schema JSONSchemaProps?: The schema; it must be structural.

CustomResourceSubresources: Which subresources objects have.
  1 status CustomResourceSubresourceStatus?: Whether /status is apart from the rest; an empty map switches it on.
  2 scale CustomResourceSubresourceScale?: How the number of replicas is read and set.

CustomResourceSubresourceStatus: An empty map.

CustomResourceSubresourceScale: Where the number of replicas stands.
  1 specReplicasPath string!: The path of the wanted number.
  2 statusReplicasPath string!: The path of the present number.
  3 labelSelectorPath string?: The path of the selector as text.

CustomResourceColumnDefinition: A column of tables.
  1 name string!: Its title.
  2 type string!: integer, number, string, boolean or date.
  3 format string: The OpenAPI format.
  4 description string: What it shows.
  5 priority int32: Above 0: only in wide output.
  6 jsonPath string!: Where its value stands.

SelectableField: A field that selectors may name.
  1 jsonPath string!: Where its value stands.

ExternalDocumentation: Documentation elsewhere.
  1 description string: What it is about.
  2 url string: Where it is.

JSONSchemaProps: A JSON schema as OpenAPI v3 has it, with Kubernetes extensions.
  1 id string: Must be left out.
  2 $schema string: The dialect of the schema.
  3 $ref string?: Must be left out.
  4 description string: What the value is, for people.
  5 type string: object, array, string, integer, number or boolean.
  6 format string: A format of the type, such as int32 or date-time.
  7 title string: A title, for people.
  8 default JSON?: The value when none is given.
  9 maximum double?: The greatest number.
  10 exclusiveMaximum bool: Whether the maximum itself is too great.
  11 minimum double?: The least number.
  12 exclusiveMinimum bool: Whether the minimum itself is too small.
  13 maxLength int64?: The most characters.
  14 minLength int64?: The fewest characters.
  15 pattern string: A regular expression that matches the text.
  16 maxItems int64?: The most items.
  17 minItems int64?: The fewest items.
  18 uniqueItems bool: Must be false.
  19 multipleOf double?: The number is a multiple of this one.
  20 enum []JSON: The only values allowed.
  21 maxProperties int64?: The most keys.
  22 minProperties int64?: The fewest keys.
  23 required []string: Keys that must be there.
  24 items JSONSchemaPropsOrArray?: What items look like.
  25 allOf []JSONSchemaProps: Schemas that all fit.
  26 oneOf []JSONSchemaProps: Schemas of which exactly one fits.
  27 anyOf []JSONSchemaProps: Schemas of which one or more fit.
  28 not JSONSchemaProps?: A schema that does not fit.
  29 properties {}JSONSchemaProps: What keys hold.
  30 additionalProperties JSONSchemaPropsOrBool?: What other keys hold, or whether there may be any.
  31 patternProperties {}JSONSchemaProps: Must be left out.
  32 dependencies {}JSONSchemaPropsOrStringArray: Must be left out.
  33 additionalItems JSONSchemaPropsOrBool?: Must be left out.
  34 definitions {}JSONSchemaProps: Must be left out.
  35 externalDocs ExternalDocumentation?: Documentation elsewhere.
  36 example JSON?: An example of a value.
  37 nullable bool: Whether null is a value.
  38 x-kubernetes-preserve-unknown-fields bool?: Whether keys that are not listed are kept.
  39 x-kubernetes-embedded-resource bool: Whether the value is an object of the API itself.
  40 x-kubernetes-int-or-string bool: Whether the value is an integer or a text.
  41 x-kubernetes-list-map-keys []string: The keys that tell the items of a list apart.
  42 x-kubernetes-list-type string?: How a list merges: atomic, set or map.
  43 x-kubernetes-map-type string?: How a map merges: granular or atomic.
  44 x-kubernetes-validations []ValidationRule map=rule merge=rule: Rules in CEL.

ValidationRule: A rule in CEL.
  1 rule string!: The expression; true when the value is right.
  2 message string: What to say when it is not.
  3 messageExpression string: An expression that makes the message.
  4 reason string?: The cause type to report.
  5 fieldPath string: The field to blame.
  6 optionalOldSelf bool?: Whether the rule also runs when there was no value before.
"""
