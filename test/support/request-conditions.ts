import type { RequestConditions } from '../../src/routing/conditions.ts'

/** A request that has nothing which a route could require besides its method, but for what is said. */
export function requestConditions(met: Partial<RequestConditions> = {}): RequestConditions {
  return {
    method: 'GET',
    listener: '',
    hasCertificate: false,
    hasHeader: () => false,
    hasParameter: () => false,
    hasCookie: () => false,
    certifies: () => false,
    ...met,
  }
}
