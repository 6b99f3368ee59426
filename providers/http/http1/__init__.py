"""HTTP/1.1 transport over asyncio and llhttp, the parser of Node and uvicorn; connections and their pool are ours."""
