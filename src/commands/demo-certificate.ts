import { webcrypto, X509Certificate } from 'node:crypto'
import type { CertificateFiles } from '../config/tls/listener-tls.ts'
import type { StateDirectory } from '../control/state/state-directory.ts'

const DAY = 86_400_000
/** A browser accepts no certificate that is valid for longer (CA/Browser Forum, Baseline Requirements 6.3.2, until 2026). */
const VALID_FOR = 397 * DAY
const AUTHORITY_VALID_FOR = 3650 * DAY
/** A certificate with less time left is replaced. */
const LEAST_LEFT = 30 * DAY

const HOSTS = ['localhost', '127.0.0.1', '::1']
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const FILES = { ca: 'demo-ca.pem', cert: 'demo.pem', key: 'demo.key' }

/** The demo's certificate, and its authority's, which browsers need to trust. */
export interface DemoCertificate extends CertificateFiles {
  readonly ca: string
}

/**
 * The certificate for this machine that is kept in the state directory, or a new one. The authority's key is never written: nobody
 * can make further certificates that a browser trusts which trusts this one.
 */
export async function demoCertificate(state: StateDirectory): Promise<DemoCertificate> {
  const kept = state.isPrivate(FILES.key) ? [FILES.cert, FILES.ca].map((name) => state.read(name)) : []
  const isKept = kept.length > 0 && kept.every((bytes) => bytes !== undefined && hasTimeLeft(bytes))
  if (!isKept) for (const [name, text] of Object.entries(await issued())) state.write(name, Buffer.from(text))
  return { ca: state.pathOf(FILES.ca), cert: state.pathOf(FILES.cert), key: state.pathOf(FILES.key) }
}

function hasTimeLeft(pem: Buffer): boolean {
  try {
    return new X509Certificate(pem).validToDate.getTime() - Date.now() > LEAST_LEFT
  } catch {
    return false
  }
}

/** The contents of the files. The libraries are large, so they are loaded when they are needed. */
async function issued(): Promise<Record<string, string>> {
  const x509 = await import('../control/acme/protocol/x509.ts')
  const { KeyUsageFlags } = x509
  const [authorityKeys, keys] = await Promise.all([newKeys(), newKeys()])
  const now = Date.now()
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Limpet demo of ${new Date(now).toISOString().slice(0, 10)}`,
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + AUTHORITY_VALID_FOR),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=localhost',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY),
    notAfter: new Date(now - DAY + VALID_FOR),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        HOSTS.map((value) => ({ type: value === 'localhost' ? 'dns' : 'ip', value }) as const),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
    ],
  })
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  const ca = authority.toString('pem')
  return {
    [FILES.ca]: `${ca}\n`,
    [FILES.cert]: `${certificate.toString('pem')}\n${ca}\n`,
    [FILES.key]: `${x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag)}\n`,
  }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}
