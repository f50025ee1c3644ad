import type { X509Certificate } from 'node:crypto'
import { hostsOf, issuerOf } from './certificate-names.ts'

/** From when until when a certificate is valid, in ms since 1970. */
export interface Validity {
  readonly from: number
  readonly until: number
}

/** What an operator wants to know of a certificate. */
export interface CertificateFacts {
  readonly hosts: readonly string[]
  readonly issuer: string
  /** In ms since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** Whether it is its own issuer. */
  readonly isSelfSigned: boolean
  /** Whether the file holds the certificate of its issuer, too. */
  readonly hasIssuer: boolean
}

/** @param chain the certificate, and those behind it in its file */
export function factsOf([leaf, ...others]: readonly X509Certificate[]): CertificateFacts {
  const certificate = leaf!
  const { from, until } = validityOf(certificate)
  return {
    hosts: hostsOf(certificate),
    issuer: issuerOf(certificate),
    notBefore: from,
    notAfter: until,
    isSelfSigned: certificate.checkIssued(certificate),
    hasIssuer: others.some((other) => certificate.checkIssued(other)),
  }
}

export function validityOf({ validFromDate, validToDate }: X509Certificate): Validity {
  return { from: validFromDate.getTime(), until: validToDate.getTime() }
}
