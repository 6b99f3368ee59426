"""HTTP/1.1 over sockets: the parser is llhttp, which Node and uvicorn use too; connections and who may use them are ours."""
