// @peculiar/x509 demands it, and leaves it to the program.
import 'reflect-metadata'
import { randomBytes, type webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  type Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Certificate } from '../../src/runtime/tls-settings.ts'

const HOUR = 3600 * 1000
const DAY = 24 * HOUR

const algorithms = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
} as const

/** What a certificate is to be like. */
export interface CertificateWish {
  /** As in RFC 4514. Default: the first host as common name. */
  readonly subject?: string
  /** Default: `ecdsa`. */
  readonly keyType?: keyof typeof algorithms
  /** Default: an hour ago. */
  readonly notBefore?: Date
  /** Default: in 90 days. */
  readonly notAfter?: Date
  /** Further extensions. */
  readonly extensions?: readonly Extension[]
}

/** A certificate, followed by its chain if it has one, and its key. */
export interface Pem {
  readonly cert: string
  readonly key: string
}

/** An authority that issues certificates for tests. */
export class TestAuthority {
  /** Its own certificate, as PEM: what those trust that accept its certificates. */
  readonly ca: string
  readonly #certificate: X509Certificate
  readonly #keys: webcrypto.CryptoKeyPair
  /** What follows its certificates in their files. */
  readonly #chain: string

  private constructor(certificate: X509Certificate, keys: webcrypto.CryptoKeyPair, chain: string) {
    this.ca = pemOf(certificate)
    this.#certificate = certificate
    this.#keys = keys
    this.#chain = chain
  }

  static async create(subject = 'CN=Test Authority'): Promise<TestAuthority> {
    const keys = await keysOf('ecdsa')
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: subject,
      keys,
      signingAlgorithm: algorithms.ecdsa,
      notBefore: new Date(Date.now() - DAY),
      notAfter: new Date(Date.now() + 3650 * DAY),
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    return new TestAuthority(certificate, keys, '')
  }

  /** An authority below this one, which nobody trusts by itself. */
  async intermediate(subject = 'CN=Test Intermediate'): Promise<TestAuthority> {
    const keys = await keysOf('ecdsa')
    const certificate = await this.#sign(keys.publicKey, subject, {}, [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ])
    return new TestAuthority(certificate, keys, pemOf(certificate) + this.#chain)
  }

  /** Issues a certificate to a server with these names and IP addresses. */
  async issue(hosts: readonly string[], wish: CertificateWish = {}): Promise<Pem> {
    const names = hosts.map((host) => ({ type: isIP(host) ? ('ip' as const) : ('dns' as const), value: host }))
    return this.#issue(wish.subject ?? `CN=${hosts[0]}`, wish, [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names),
    ])
  }

  /** Issues a certificate to a client. */
  async issueToClient(subject: string, wish: CertificateWish = {}): Promise<Pem> {
    return this.#issue(subject, wish, [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])])
  }

  /** Issues a certificate to a server, in the form that it has in a Snapshot. */
  async certificate(name: string, hosts: readonly string[], wish: CertificateWish = {}): Promise<Certificate> {
    const { cert, key } = await this.issue(hosts, wish)
    return { name, hosts, chain: cert, key, keyType: wish.keyType ?? 'ecdsa' }
  }

  /** Issues a certificate for the key and the names of a request, as PEM. */
  async issueFor(request: Pkcs10CertificateRequest, notBefore: Date, notAfter: Date): Promise<string> {
    const publicKey = await request.publicKey.export()
    const extensions = [new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]), ...request.extensions]
    return pemOf(await this.#sign(publicKey, 'CN=', { notBefore, notAfter }, extensions)) + this.#chain
  }

  async #issue(subject: string, wish: CertificateWish, extensions: readonly Extension[]): Promise<Pem> {
    const keys = await keysOf(wish.keyType ?? 'ecdsa')
    const certificate = await this.#sign(keys.publicKey, subject, wish, [
      new BasicConstraintsExtension(false),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment),
      ...extensions,
      ...(wish.extensions ?? []),
    ])
    return { cert: pemOf(certificate) + this.#chain, key: await pemOfKey(keys) }
  }

  async #sign(
    publicKey: CryptoKey,
    subject: string,
    { notBefore, notAfter }: CertificateWish,
    extensions: readonly Extension[],
  ): Promise<X509Certificate> {
    return X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject,
      issuer: this.#certificate.subject,
      notBefore: notBefore ?? new Date(Date.now() - HOUR),
      notAfter: notAfter ?? new Date(Date.now() + 90 * DAY),
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithms.ecdsa,
      publicKey,
      extensions: [
        ...extensions,
        await SubjectKeyIdentifierExtension.create(publicKey),
        await AuthorityKeyIdentifierExtension.create(this.#certificate),
      ],
    })
  }
}

/** A certificate that no authority has issued. */
export async function selfSigned(subject: string): Promise<Pem> {
  const keys = await keysOf('ecdsa')
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: subject,
    keys,
    signingAlgorithm: algorithms.ecdsa,
    notBefore: new Date(Date.now() - HOUR),
    notAfter: new Date(Date.now() + 90 * DAY),
  })
  return { cert: pemOf(certificate), key: await pemOfKey(keys) }
}

async function keysOf(type: keyof typeof algorithms): Promise<webcrypto.CryptoKeyPair> {
  return (await crypto.subtle.generateKey(algorithms[type], true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

/** Positive, as RFC 5280 §4.1.2.2 demands. */
function serialNumber(): string {
  return `4${randomBytes(15).toString('hex')}0`
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}

async function pemOfKey({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey('pkcs8', privateKey), PemConverter.PrivateKeyTag)
}
