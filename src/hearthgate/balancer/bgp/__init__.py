"""Announces addresses to routers by BGP (RFC 4271). Only announces: what routers tell us is not looked at."""
