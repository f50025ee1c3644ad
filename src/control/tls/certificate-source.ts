import type { Certificate } from '../../runtime/tls-settings.ts'

/** Where certificates come from, other than files. */
export interface CertificateSource {
  /** As the admin API shows it: `acme`. */
  readonly name: string
  /** The current ones. An unchanged one is the same object as before. */
  readonly certificates: readonly Certificate[]
  /** Has `changed` called whenever `certificates` has become another list. */
  onChange(changed: () => void): void
}
