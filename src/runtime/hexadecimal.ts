const ZERO = 0x30

/** The value of a hexadecimal digit by its character code; -1 for any other character, and for NaN. */
export function hexadecimal(character: number): number {
  if (character >= ZERO && character <= 0x39) return character - ZERO
  const letter = character | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
