// Everything that this page asks of the gateway.
export * from "./mutations";
export * from "./metrics";
export * from "./mapping";
export * from "./problems";
export * from "./providers";
export * from "./sessions";
export * from "./signatures";
export * from "./webhooks";
