const names = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key']

/**
 * Whether a header carries credentials, so that its value is shown nowhere.
 *
 * @param name in lower case
 */
export function isCredential(name: string): boolean {
  return names.includes(name)
}
