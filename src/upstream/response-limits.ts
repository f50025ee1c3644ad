/** The limits of the head of a server's response. */
export const RESPONSE_LIMITS = { headSize: 64 * 1024, headers: 256 }
