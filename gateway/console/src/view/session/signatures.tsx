// Who signed, as the gateway itself reads and checks it.
import { useEffect, useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { saveSignature } from "../../api/files";
import { type Signature, Signatures } from "../../api/operation";
import { Fact, Icon, Panel, Pill, Skeleton } from "../../part/basic";
import { Download } from "../../part/download";
import { Failure } from "../../part/trouble";
import { onDay, say, toTheSecond } from "../../word";

export function SignaturesPanel({ id, seen }: { id: string; seen: number }) {
  const { data, error, waiting, refresh } = useAsk(Signatures, { id });
  useEffect(() => {
    if (seen) void refresh();
  }, [seen, refresh]);
  const signatures = data?.session?.signatures ?? [];
  return (
    <Panel title="Signatures" note="Read out of the documents and checked by the gateway, whatever the provider says.">
      {error && <Failure error={error} retry={refresh} />}
      {waiting && <Skeleton lines={2} />}
      {data && signatures.length === 0 && <p class="none">No signature yet.</p>}
      <ul class="things">
        {signatures.map((signature) => (
          <One key={signature.id} signature={signature} />
        ))}
      </ul>
    </Panel>
  );
}

function One({ signature }: { signature: Signature }) {
  const [failure, fail] = useState<string>();
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
            say(signature.format),
            signature.version == null ? null : `version ${signature.version}`,
            signature.document?.title ?? signature.document?.filename,
            signature.signedAt ? toTheSecond(signature.signedAt) : null,
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
            <Fact name="Trusted">
              {verification.trusted ? "Yes, by one of the configured roots" : "No configured root vouches for it"}
            </Fact>
            {verification.coversWholeDocument != null && (
              <Fact name="Covers">{verification.coversWholeDocument ? "The whole document" : "A part of the document"}</Fact>
            )}
            {verification.digestAlgorithm && <Fact name="Digest">{verification.digestAlgorithm}</Fact>}
            {signature.timestamp && (
              <Fact name="Timestamp">
                {toTheSecond(signature.timestamp.at)} {signature.timestamp.authority && `by ${signature.timestamp.authority}`}
              </Fact>
            )}
            {certificate && (
              <>
                <Fact name="Subject">{certificate.subject}</Fact>
                <Fact name="Issuer">{certificate.issuer}</Fact>
                <Fact name="Valid">
                  {onDay(certificate.notBefore)} to {onDay(certificate.notAfter)}
                </Fact>
                <Fact name="Serial number">
                  <code class="break">{certificate.serialNumber}</code>
                </Fact>
                <Fact name="SHA-256">
                  <code class="break">{certificate.sha256}</code>
                </Fact>
              </>
            )}
            {signature.tags.length > 0 && <Fact name="Tags">{signature.tags.join(", ")}</Fact>}
          </dl>
        </details>
      </div>
      <div class="state">
        <Pill word={verification.status} />
        <small>{verification.trusted ? "Trusted" : "Not trusted"}</small>
      </div>
      <div class="acts">
        <Download save={() => saveSignature(signature.id)} fail={fail}>
          the signature of {name}
        </Download>
      </div>
    </li>
  );
}
