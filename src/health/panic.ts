/**
 * Whether so few servers are well that health is to count no more (Envoy's panic threshold): those that are left could
 * not carry the load of all.
 *
 * @param threshold whole percents; 0 never
 */
export function isPanic(well: number, all: number, threshold: number): boolean {
  return well * 100 < threshold * all
}
