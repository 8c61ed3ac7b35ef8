/** Where the first of the ids that is listed is; -1 where none is. */
export function indexOf(
  items: readonly { readonly id: string }[],
  ...ids: readonly (string | null)[]
): number {
  for (const id of ids) {
    const index = items.findIndex((item) => item.id === id);
    if (index >= 0) return index;
  }
  return -1;
}
