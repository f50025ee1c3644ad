/**
 * The header of requests that `limpet dashboard` forwards from a port of its own, which everybody on this machine may reach. It
 * only takes rights away: nothing is answered without a token or a cookie, not even what a socket allows to all.
 */
export const FORWARDED = 'limpet-forwarded'
