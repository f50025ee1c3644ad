import type { Source } from '../source.ts'
import type { UpstreamTls } from '../tls/upstream-tls.ts'

/** The keys of sources that name files. */
const fileKeys: readonly string[] = ['tokenFile', 'passwordFile', 'kubeconfig']

/** The source with absolute paths of the files that it names. */
export function sourceWithFiles<Any extends Source>(source: Any, absolute: (file: string) => string): Any {
  const named = Object.entries(source).map(([key, value]) => {
    if (key === 'tls' && value !== undefined) return [key, tlsWithFiles(value as UpstreamTls, absolute)]
    const isFile = fileKeys.includes(key) || (source.from === 'file' && key === 'path')
    return [key, isFile && typeof value === 'string' ? absolute(value) : value]
  })
  return Object.fromEntries(named)
}

/** TLS settings with absolute paths of the files that they name. */
export function tlsWithFiles({ ca, cert, key, ...tls }: UpstreamTls, absolute: (file: string) => string): UpstreamTls {
  return {
    ...tls,
    ...(ca !== undefined && { ca: absolute(ca) }),
    ...(cert !== undefined && { cert: absolute(cert) }),
    ...(key !== undefined && { key: absolute(key) }),
  }
}
