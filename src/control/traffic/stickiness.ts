/** The share of requests of known sessions that reached their server; null where there were none. */
export function stickinessOf({ known, stuck }: { readonly known: number; readonly stuck: number }): number | null {
  return known === 0 ? null : stuck / known
}
