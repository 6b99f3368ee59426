// Every GraphQL document that the console sends; the build lists them in operations.json for trusted-document gateways.
export * from "./mutations";
export * from "./metrics";
export * from "./mapping";
export * from "./problems";
export * from "./providers";
export * from "./sessions";
export * from "./signatures";
export * from "./webhooks";
