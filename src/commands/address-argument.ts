import { InvalidArgumentError } from 'commander'
import { formatAddress, parseAddress } from '../config/address.ts'
import { InvalidValue } from '../config/error.ts'

/** Reads the address of a server, `host:port` or `unix:/path`, in the form in which logs show it. */
export function serverAddress(value: string): string {
  try {
    return formatAddress(parseAddress(value))
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error
    throw new InvalidArgumentError(`Expected ${error.expected}${error.hint === undefined ? '' : ` (${error.hint})`}.`)
  }
}
