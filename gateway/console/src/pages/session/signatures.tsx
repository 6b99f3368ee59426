// Signatures of a session with their certificates, as the gateway verifies them.
import { useEffect, useState } from "preact/hooks";
import { useQuery } from "../../api/query";
import { downloadSignature } from "../../api/files";
import { type Signature, Signatures } from "../../api/operations";
import { DescriptionItem, Icon, Panel, StatusBadge, Skeleton } from "../../components/primitives";
import { DownloadButton } from "../../components/download-button";
import { QueryError } from "../../components/problem-list";
import { formatDay, formatSecond } from "../../format";
import { labelFor } from "../../labels";

export function SignaturesPanel({ id, revision }: { id: string; revision: number }) {
  const { data, error, loading, refresh } = useQuery(Signatures, { id });
  useEffect(() => {
    if (revision) void refresh();
  }, [revision, refresh]);
  const signatures = data?.session?.signatures ?? [];
  return (
    <Panel title="Signatures" note="Read out of the documents and checked by the gateway, whatever the provider says.">
      {error && <QueryError error={error} onRetry={refresh} />}
      {loading && <Skeleton lines={2} />}
      {data && signatures.length === 0 && <p class="none">No signature yet.</p>}
      <ul class="things">
        {signatures.map((signature) => (
          <SignatureItem key={signature.id} signature={signature} />
        ))}
      </ul>
    </Panel>
  );
}

function SignatureItem({ signature }: { signature: Signature }) {
  const [failure, setFailure] = useState<string>();
  const { certificate, verification } = signature;
  const name = certificate?.commonName ?? certificate?.subject ?? signature.createdBy ?? "Signer not known";
  return (
    <li>
      <span class="avatar square" aria-hidden="true">
        <Icon name={verification.status === "VALID" ? "check" : "warn"} />
      </span>
      <div class="what">
        <strong>{name}</strong>
        <small>
          {[
            labelFor(signature.format),
            signature.version == null ? null : `version ${signature.version}`,
            signature.document?.title ?? signature.document?.filename,
            signature.signedAt ? formatSecond(signature.signedAt) : null,
          ]
            .filter(Boolean)
            .join(" · ")}
        </small>
        {signature.comment && <small>“{signature.comment}”</small>}
        {verification.reason && <small>{verification.reason}</small>}
        {failure && <small class="bad">{failure}</small>}
        <details>
          <summary>Certificate and checks</summary>
          <dl class="facts">
            <DescriptionItem name="Trusted">
              {verification.trusted ? "Yes, by one of the configured roots" : "No configured root vouches for it"}
            </DescriptionItem>
            {verification.coversWholeDocument != null && (
              <DescriptionItem name="Covers">
                {verification.coversWholeDocument ? "The whole document" : "A part of the document"}
              </DescriptionItem>
            )}
            {verification.digestAlgorithm && <DescriptionItem name="Digest">{verification.digestAlgorithm}</DescriptionItem>}
            {signature.timestamp && (
              <DescriptionItem name="Timestamp">
                {formatSecond(signature.timestamp.at)} {signature.timestamp.authority && `by ${signature.timestamp.authority}`}
              </DescriptionItem>
            )}
            {certificate && (
              <>
                <DescriptionItem name="Subject">{certificate.subject}</DescriptionItem>
                <DescriptionItem name="Issuer">{certificate.issuer}</DescriptionItem>
                <DescriptionItem name="Valid">
                  {formatDay(certificate.notBefore)} to {formatDay(certificate.notAfter)}
                </DescriptionItem>
                <DescriptionItem name="Serial number">
                  <code class="break">{certificate.serialNumber}</code>
                </DescriptionItem>
                <DescriptionItem name="SHA-256">
                  <code class="break">{certificate.sha256}</code>
                </DescriptionItem>
              </>
            )}
            {signature.tags.length > 0 && <DescriptionItem name="Tags">{signature.tags.join(", ")}</DescriptionItem>}
          </dl>
        </details>
      </div>
      <div class="state">
        <StatusBadge value={verification.status} />
        <small>{verification.trusted ? "Trusted" : "Not trusted"}</small>
      </div>
      <div class="acts">
        <DownloadButton download={() => downloadSignature(signature.id)} onError={setFailure}>
          the signature of {name}
        </DownloadButton>
      </div>
    </li>
  );
}
