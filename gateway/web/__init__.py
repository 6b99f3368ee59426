"""HTTP beside GraphQL: uploads, downloads, CORS, security headers and error masking."""
