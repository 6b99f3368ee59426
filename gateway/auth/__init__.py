"""Authentication: the viewer of a request, by a JSON Web Token or an API key, and the quota of that viewer.

It imports nothing, as the configuration needs the names of the scopes, and authentication the configuration.
"""
