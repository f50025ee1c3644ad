import { nearest } from './nearest.ts'

/** What other programs call a value, and what it may be here. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  '1.2': ['TLSv1.2'],
  '1.3': ['TLSv1.3'],
  http: ['http1'],
  http1: ['http/1.1'],
  'http/1.1': ['http1'],
  http2: ['h2'],
  'http/2': ['h2'],
  https: ['auto'],
  grpc: ['h2c'],
  grpcs: ['h2'],
  reject: ['refuse'],
}

/** The value of the candidates that a wrong one most likely means, or undefined if none is close. */
export function valueMeant(written: string, candidates: readonly string[]): string | undefined {
  const named = otherNames[written.toLowerCase()]?.find((name) => candidates.includes(name))
  return named ?? nearest(written, candidates)
}
