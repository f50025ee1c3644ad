import type { TlsVersion } from '../../runtime/tls-settings.ts'
import type { ListenerTls } from './listener-tls.ts'

/** Versions and cipher suites, of TLS 1.3 and of TLS 1.2. */
export interface TlsOffer {
  readonly minVersion: TlsVersion
  readonly suites13: readonly string[]
  readonly suites12: readonly string[]
}

const SUITES_13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

/**
 * The profiles of Mozilla's guideline "Server Side TLS", version 5.7. Its three suites with finite-field DHE are left out: Node.js
 * offers these only with parameters of one's own, and every client that knows one of them knows ECDHE.
 */
const profiles: Readonly<Record<ListenerTls['profile'], TlsOffer>> = {
  intermediate: {
    minVersion: 'TLSv1.2',
    suites13: SUITES_13,
    suites12: [
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-RSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-RSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
      'ECDHE-RSA-CHACHA20-POLY1305',
    ],
  },
  modern: { minVersion: 'TLSv1.3', suites13: SUITES_13, suites12: [] },
}

/** What a listener offers. A list of suites without any of TLS 1.3 says nothing of TLS 1.3, as in other servers. */
export function offerOf({ profile, minVersion, ciphers }: ListenerTls): TlsOffer {
  const offer = profiles[profile]
  const suites = ciphers?.split(':')
  const suites13 = suites?.filter((suite) => suite.startsWith('TLS_')) ?? []
  return {
    minVersion: minVersion ?? offer.minVersion,
    suites13: suites13.length === 0 ? offer.suites13 : suites13,
    suites12: suites?.filter((suite) => !suite.startsWith('TLS_')) ?? offer.suites12,
  }
}
