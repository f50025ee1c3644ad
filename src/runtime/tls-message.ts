/** What OpenSSL says, without what Node.js adds for its own users: `…; if the root CA is installed locally, try running Node.js …`. */
export function tlsMessage(message: string): string {
  return message.replace(/; if the root CA is installed locally, .*/, '')
}
