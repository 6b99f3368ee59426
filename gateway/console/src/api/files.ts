// Uploads and downloads, which go by plain HTTP instead of GraphQL.
import { client } from "./client";
import { DocumentDownload, SignatureDownload } from "./operations";
import { authorizationHeader, signInRequired } from "./token";

export interface StagedFile {
  id: string;
  filename: string | null;
  mediaType: string;
  sizeBytes: number;
}

/** Uploads a file to the gateway. Throws with the gateway's message if it rejects the file. */
export async function uploadFile(file: File): Promise<StagedFile> {
  const response = await fetch(`/uploads?filename=${encodeURIComponent(file.name)}`, {
    method: "PUT",
    body: file,
    headers: { "content-type": file.type || "application/octet-stream", ...authorizationHeader() },
  });
  if (response.status === 401) signInRequired.value = true;
  const body = (await response.json().catch(() => ({}))) as StagedFile & { problem?: { message: string } };
  if (!response.ok) throw new Error(body.problem?.message ?? `The gateway did not take the file (${response.status}).`);
  return body;
}

/** Downloads a document by a one-time URL. Throws if the provider has no content of it. */
export async function downloadDocument(id: string): Promise<void> {
  const { data, error } = await client.query(DocumentDownload, { id }, { requestPolicy: "network-only" }).toPromise();
  startDownload(data?.document?.download, error?.message);
}

/** Downloads a signature by a one-time URL. Throws if the provider has no content of it. */
export async function downloadSignature(id: string): Promise<void> {
  const { data, error } = await client.query(SignatureDownload, { id }, { requestPolicy: "network-only" }).toPromise();
  startDownload(data?.node && "download" in data.node ? data.node.download : null, error?.message);
}

function startDownload(
  download: { url: string; filename: string | null } | null | undefined,
  failure: string | undefined,
): void {
  if (!download) throw new Error(failure ?? "The provider has no bytes of this yet.");
  const link = document.createElement("a");
  link.href = download.url;
  link.download = download.filename ?? "";
  link.click();
}
