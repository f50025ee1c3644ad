import type { Certificate } from './tls-settings.ts'

/**
 * What workers answer to a certificate authority that checks whether hosts lead to this Limpet (RFC 8555 §8), as plain immutable
 * data.
 */
export interface ChallengeAnswers {
  /** By token: the body for a GET of /.well-known/acme-challenge/ and the token (HTTP-01, RFC 8555 §8.3). */
  readonly http: ReadonlyMap<string, string>
  /** By server name: the certificate for a client that offers only `acme-tls/1` (TLS-ALPN-01, RFC 8737). */
  readonly tls: ReadonlyMap<string, Certificate>
}

export const NO_CHALLENGES: ChallengeAnswers = { http: new Map(), tls: new Map() }
