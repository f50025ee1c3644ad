import type { Config } from './schema.ts'

const HTTP_PORT = 80

/**
 * Says what a listener on port 80 does by default where another one has certificates by ACME: it redirects to that one, unless
 * the operator has said something else.
 */
export function withStandardRedirect(config: Config): Config {
  const secure = config.listeners.find((each) => each.tls?.acme !== undefined && 'port' in each)
  if (secure === undefined || !('port' in secure)) return config
  const { port } = secure
  const listeners = config.listeners.map((listener) => {
    const isPlainHttp = listener.tls === undefined && 'port' in listener && listener.port === HTTP_PORT
    return isPlainHttp && listener.redirectTo === undefined ? { ...listener, redirectTo: { port } } : listener
  })
  return { ...config, listeners }
}
