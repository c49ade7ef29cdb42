"""Resources to RoutingModel: who may refer to whom, which router serves what. Pure."""
