import { X509Certificate } from 'node:crypto'
import type { Validity } from '../../../certificates/certificate-facts.ts'
import { AuthorityKeyIdentifierExtension, X509Certificate as ParsedCertificate } from '../protocol/x509.ts'

/** The part of its life after which a certificate is renewed, where the authority does not say when. */
const RENEWED_AFTER = 2 / 3
/** By how much earlier it may be renewed, as a part of its life, so that not all certificates are renewed at once. */
const JITTER = 1 / 30

/** When to renew a certificate whose authority does not say it: after two thirds of its life, or a little earlier. */
export function renewalTime({ from, until }: Validity, random = Math.random): number {
  return from + (until - from) * (RENEWED_AFTER - JITTER * random())
}

/** What identifies a certificate to its authority (RFC 9773 §4.1); undefined if it does not say which key has signed it. */
export function renewalIdOf(chain: string): string | undefined {
  const parsed = new ParsedCertificate(chain)
  const keyId = parsed.getExtension(AuthorityKeyIdentifierExtension)?.keyId
  return keyId === undefined ? undefined : renewalId(keyId, new X509Certificate(chain).serialNumber)
}

/** @param keyId of the authority's key; like the serial number in hexadecimal digits */
export function renewalId(keyId: string, serialNumber: string): string {
  const digits = serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`
  // As in DER, where a first bit of 1 means a negative number.
  const positive = Number.parseInt(digits.slice(0, 2), 16) < 0x80 ? digits : `00${digits}`
  return [keyId, positive].map((hex) => Buffer.from(hex, 'hex').toString('base64url')).join('.')
}
