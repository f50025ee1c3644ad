/** node:tls, loaded when it is first used: it takes 3 MB of each thread, which a program without TLS does not need. */
export function nodeTls(): typeof import('node:tls') {
  return process.getBuiltinModule('node:tls')
}
