// Everything that this page asks of the gateway.
export * from "./action";
export * from "./figure";
export * from "./mapping";
export * from "./problem";
export * from "./provider";
export * from "./session";
export * from "./signature";
export * from "./webhook";
