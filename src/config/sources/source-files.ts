import type { Discovery } from '../discovery.ts'
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

/** The same of where labels are found. */
export function discoveryWithFiles({ docker, swarm }: Discovery, absolute: (file: string) => string): Discovery {
  const withFiles = <Labels extends { tls?: UpstreamTls }>({ tls, ...labels }: Labels) => ({
    ...labels,
    ...(tls && { tls: tlsWithFiles(tls, absolute) }),
  })
  return { ...(docker && { docker: withFiles(docker) }), ...(swarm && { swarm: withFiles(swarm) }) }
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
