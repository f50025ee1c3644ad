import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import type { KeyType } from './authority-settings.ts'
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  PemConverter,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from './x509.ts'

const DAY = 86_400_000
/** The extension in which a certificate answers a TLS-ALPN-01 challenge (RFC 8737 §3). */
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31'

const ALGORITHMS = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  },
} as const

/** A certificate with its key, as PEM. */
export interface PemPair {
  readonly chain: string
  readonly key: string
}

/** A new private key, as PEM. */
export async function newKey(type: KeyType): Promise<string> {
  const { privateKey } = await generate(type)
  return pemOf(privateKey)
}

/**
 * A request for a certificate of that host (RFC 2986), in base64url.
 *
 * @param key the certificate's, as PEM
 */
export async function requestFor(host: string, key: string, type: KeyType): Promise<string> {
  const algorithm = ALGORITHMS[type]
  const privateKey = createPrivateKey(key).toCryptoKey(algorithm, true, ['sign'])
  const publicKey = createPublicKey(key).toCryptoKey(algorithm, true, ['verify'])
  const request = await Pkcs10CertificateRequestGenerator.create(
    { keys: { privateKey, publicKey }, signingAlgorithm: algorithm, extensions: [nameOf(host)] },
    webcrypto as Crypto,
  )
  return Buffer.from(request.rawData).toString('base64url')
}

/**
 * The certificate that answers a TLS-ALPN-01 challenge (RFC 8737 §3): signed by itself, with a hash of the key authorization.
 */
export async function challengeCertificate(host: string, authorization: string): Promise<PemPair> {
  const hash = new Uint8Array(await webcrypto.subtle.digest('SHA-256', new TextEncoder().encode(authorization)))
  // An OCTET STRING of 32 bytes.
  const value = new Uint8Array([0x04, 0x20, ...hash])
  return signedByItself('CN=ACME challenge', [nameOf(host), new Extension(ACME_IDENTIFIER, true, value)])
}

/** What clients get until there is a certificate: one that no client trusts. */
export async function provisionalCertificate(): Promise<PemPair> {
  const usage = new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth])
  const name = new SubjectAlternativeNameExtension([{ type: 'dns', value: 'provisional.limpet.invalid' }])
  return signedByItself('CN=Limpet waits for a certificate', [name, usage])
}

async function signedByItself(name: string, extensions: Extension[]): Promise<PemPair> {
  const keys = await generate('ecdsa')
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name,
      keys,
      signingAlgorithm: ALGORITHMS.ecdsa,
      notBefore: new Date(Date.now() - DAY),
      notAfter: new Date(Date.now() + 365 * DAY),
      extensions,
    },
    webcrypto as Crypto,
  )
  return { chain: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) }
}

async function generate(type: KeyType): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHMS[type], true, ['sign', 'verify'])
}

async function pemOf(key: CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

function nameOf(host: string): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }])
}
