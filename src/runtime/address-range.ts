/** The addresses whose first `prefix` bits are those of `octets`. `octets` has 4 or 16 bytes; its other bits are 0. */
export interface AddressRange {
  readonly octets: Uint8Array
  readonly prefix: number
}
