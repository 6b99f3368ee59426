"""Authentication: the viewer behind a JSON Web Token or an API key.

It imports nothing, as the configuration needs the names of the scopes, and authentication the configuration.
"""
