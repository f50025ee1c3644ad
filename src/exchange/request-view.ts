import type { KeyedRequest, SessionRequest } from '../affinity/affinity.ts'
import { type KeySubject, keyFor } from '../balancing/key.ts'
import { certificateField, describesCertificate } from '../forwarding/client-certificate.ts'
import { cookieIn, unquoted } from '../http1/cookie.ts'
import { FieldName } from '../http1/field-name.ts'
import { hasParameterIn, parameterIn, unescaped } from '../http1/query.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { segmentParameterIn } from '../http1/segment-parameter.ts'
import type { RequestConditions } from '../routing/conditions.ts'
import { claimNamed, claimText } from '../runtime/claim-text.ts'
import { type IpAddress, UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'
import { type NamedPart, type SegmentParameter, valueIn } from '../runtime/named-part.ts'
import type { Affinity, Balance, CertificateField } from '../runtime/snapshot.ts'
import type { ClientCertificate } from '../transport/tls-facts.ts'

import type { FilteredRequest } from './filtered-request.ts'

const NO_BYTES = new Uint8Array(0)

/** A request by its head, as routes, affinities and policies see it: text is made of what they ask for only. */
export class RequestView implements RequestConditions, KeySubject, SessionRequest, KeyedRequest {
  address: IpAddress = UNKNOWN_ADDRESS
  path = '/'
  /** The client's certificate, if it has shown one. */
  certificate: ClientCertificate | undefined
  listener = ''
  /** As the filters of its route have left it; undefined before them, and if it has none. */
  filtered: FilteredRequest | undefined
  head: RequestHead

  constructor(head: RequestHead) {
    this.head = head
  }

  /** Empty if there is none. */
  get userAgent(): Uint8Array {
    const { head } = this
    const field = head.find(FieldName.UserAgent)
    return field < 0 ? NO_BYTES : head.bytes.subarray(head.valueStart(field), head.valueEnd(field))
  }

  get method(): string {
    return this.head.method
  }

  get uri(): string {
    const { bytes, pathStart, targetEnd } = this.head
    return bytes.toString('latin1', pathStart, targetEnd)
  }

  header(name: string): string | undefined {
    if (describesCertificate(name)) return certificateField(name, this.certificate)
    if (this.filtered !== undefined) return this.filtered.header(name)
    const field = this.head.findNamed(name)
    return field < 0 ? undefined : this.head.value(field)
  }

  hasHeader(name: string, value: string): boolean {
    if (describesCertificate(name)) return certificateField(name, this.certificate) === value
    const field = this.head.findNamed(name)
    return field >= 0 && this.head.hasValue(field, value)
  }

  hasParameter(name: string, value: string | true): boolean {
    if (value === true) return hasParameterIn(this.uri, name)
    const found = parameterIn(this.uri, name)
    return found !== undefined && unescaped(found) === value
  }

  hasCookie(name: string, value: string | true): boolean {
    const found = cookieIn(this.head, name)
    return found !== undefined && (value === true || unquoted(found) === value)
  }

  get hasCertificate(): boolean {
    return this.certificate !== undefined
  }

  certifies(field: CertificateField, value: string): boolean {
    return this.certificate?.[field] === value
  }

  cookie(name: string, after = 0): string | undefined {
    return cookieIn(this.head, name, after)
  }

  query(name: string, after = 0): string | undefined {
    return parameterIn(this.uri, name, after)
  }

  value(part: NamedPart | SegmentParameter, after = 0): string | undefined {
    if (part.from === 'segment-parameter') return segmentParameterIn(this.uri, part.name, after)
    const value = valueIn(this, part, after)
    if (value === undefined || part.from === 'header') return value
    return part.from === 'cookie' ? unquoted(value) : unescaped(value)
  }

  claim(name: string): string | undefined {
    const claims = this.filtered?.claims
    return claims && claimText(claimNamed(claims, name))
  }

  key(tie: Balance | Affinity): Uint8Array {
    return keyFor(tie, this)
  }
}
