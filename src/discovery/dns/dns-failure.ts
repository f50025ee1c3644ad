/**
 * What a look-up has come to: the name does not exist, it has no record of that type, the resolvers would or could not say, or none
 * of them answered.
 */
export type DnsFailureKind = 'NXDOMAIN' | 'NODATA' | 'refused' | 'silent'

/** A name that could not be looked up. Its message says why, and which resolver said so: `NXDOMAIN from 127.0.0.53`. */
export class DnsFailure extends Error {
  readonly kind: DnsFailureKind

  constructor(kind: DnsFailureKind, message: string) {
    super(message)
    this.kind = kind
  }

  /** Whether it is certain that there is nothing. */
  get isAbsence(): boolean {
    return this.kind === 'NXDOMAIN' || this.kind === 'NODATA'
  }
}
