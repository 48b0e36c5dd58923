/* SPDX-License-Identifier: MIT */
/*
 * The UEFI door: BOOTX64.EFI carries guest.elf, puts it where there is room,
 * and enters it by its PVH door. The only file that sees efi.h.
 * Source: UEFI 2.10, 2.3.4, 4.6, 7.2, 7.4.6, 9.1.
 */
#include <efi.h>

#include "boot/efimap.h"
#include "boot/place.h"
#include "boot/pvh.h"
#include "lib/print.h"
#include "lib/string.h"

#define MAP_SLACK 16384u
#define MAP_ENTRIES 512u
#define PLACE_ATTEMPTS 64u
#define EXIT_ATTEMPTS 16u
#define LOW_LAST 0xffffffffull

extern const uint8_t guest_elf[], guest_elf_end[];
extern const uint8_t leave_start[], leave_end[];

/* Below 4 GiB, and executable. */
struct handover {
	uint8_t code[512];
	struct pvh_start_info info;
	struct memmap_entry map[MAP_ENTRIES];
	/* More than the kernel reads, so that it sees when it was cut. */
	char cmdline[2 * BOOT_CMDLINE_BYTES];
};

static EFI_SYSTEM_TABLE *system;
static EFI_BOOT_SERVICES *boot;

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

static EFI_STATUS fail(CHAR16 *why, EFI_STATUS status)
{
	system->ConOut->OutputString(system->ConOut, L"vmferry: ");
	system->ConOut->OutputString(system->ConOut, why);
	system->ConOut->OutputString(system->ConOut, L"\r\n");
	return status;
}

/* A table of the configuration; 0 = there is none. */
static uint64_t find_table(const EFI_GUID *guid)
{
	UINTN i;

	for (i = 0; i < system->NumberOfTableEntries; i++)
		if (!memcmp(&system->ConfigurationTable[i].VendorGuid, guid,
			    sizeof(*guid)))
			return (uint64_t)system->ConfigurationTable[i]
				.VendorTable;
	return 0;
}

static uint64_t find_rsdp(void)
{
	static const EFI_GUID acpi20 = ACPI_20_TABLE_GUID;
	static const EFI_GUID acpi10 = ACPI_TABLE_GUID;
	uint64_t at = find_table(&acpi20);

	return at ? at : find_table(&acpi10);
}

static uint64_t find_smbios(void)
{
	static const EFI_GUID smbios3 = SMBIOS3_TABLE_GUID;
	static const EFI_GUID smbios = SMBIOS_TABLE_GUID;
	uint64_t at = find_table(&smbios3);

	return at ? at : find_table(&smbios);
}

/* What stands first wins: a user's words come last. */
static void write_cmdline(EFI_HANDLE image, char *text, size_t room)
{
	EFI_GUID protocol = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_LOADED_IMAGE *loaded;
	size_t n;

	n = print_text(text, room, "door=uefi smbios=%lu ", find_smbios());
	if (boot->HandleProtocol(image, &protocol, (void **)&loaded) ==
	    EFI_SUCCESS)
		efimap_text(loaded->LoadOptions, loaded->LoadOptionsSize,
			    text + n, room - n);
}

/* Room for the map, and some: allocating it may make it longer. */
static EFI_STATUS reserve_map(struct efi_map *map, UINTN *room)
{
	UINTN bytes = 0, key, entry_bytes;
	UINT32 version;
	void *at;
	EFI_STATUS status;

	boot->GetMemoryMap(&bytes, NULL, &key, &entry_bytes, &version);
	*room = bytes + MAP_SLACK;
	status = boot->AllocatePool(EfiLoaderData, *room, &at);
	map->at = at;
	return status;
}

static EFI_STATUS read_map(struct efi_map *map, UINTN room, UINTN *key)
{
	UINTN entry_bytes = 0;
	UINT32 version;
	EFI_STATUS status;

	status = boot->GetMemoryMap(&room, (void *)map->at, key, &entry_bytes,
				    &version);
	map->bytes = room;
	map->entry_bytes = entry_bytes;
	return status;
}

/* Memory for the image: the lowest that the firmware lets us have. */
static EFI_STATUS reserve_image(struct efi_map *map, UINTN room, uint64_t bytes,
				uint64_t *ret_base)
{
	EFI_PHYSICAL_ADDRESS base = 0;
	EFI_STATUS status;
	UINTN i, key;

	for (i = 0; i < PLACE_ATTEMPTS; i++) {
		status = read_map(map, room, &key);
		if (status != EFI_SUCCESS)
			return status;
		base = efimap_find(map, bytes, PLACE_ALIGN, base + PLACE_ALIGN);
		if (!base)
			break;
		status = boot->AllocatePages(AllocateAddress, EfiLoaderData,
					     bytes / 4096, &base);
		if (status == EFI_SUCCESS) {
			*ret_base = base;
			return status;
		}
	}
	return EFI_OUT_OF_RESOURCES;
}

/* An event between the two calls changes the map: ask again. */
static EFI_STATUS exit_boot_services(EFI_HANDLE image, struct efi_map *map,
				     UINTN room)
{
	EFI_STATUS status = EFI_SUCCESS;
	UINTN i, key;

	for (i = 0; i < EXIT_ATTEMPTS; i++) {
		status = read_map(map, room, &key);
		if (status != EFI_SUCCESS)
			return status;
		status = boot->ExitBootServices(image, key);
		if (status == EFI_SUCCESS)
			return status;
	}
	return status;
}

static void leave(struct handover *h, const struct efi_map *map, uint64_t entry)
{
	void (*code)(const struct pvh_start_info *info, uint64_t entry) =
		(void (*)(const struct pvh_start_info *, uint64_t))h->code;

	memcpy(h->code, leave_start, (size_t)(leave_end - leave_start));
	h->info.memmap_entries = efimap_convert(map, h->map, MAP_ENTRIES);
	code(&h->info, entry);
}

static EFI_STATUS prepare(EFI_HANDLE image, struct handover **ret)
{
	EFI_PHYSICAL_ADDRESS at = LOW_LAST;
	struct handover *h;
	EFI_STATUS status;

	status = boot->AllocatePages(AllocateMaxAddress, EfiLoaderCode,
				     (sizeof(*h) + 4095) / 4096, &at);
	if (status != EFI_SUCCESS)
		return status;
	h = (struct handover *)at;
	memset(h, 0, sizeof(*h));
	write_cmdline(image, h->cmdline, sizeof(h->cmdline));
	h->info = (struct pvh_start_info){
		.magic = PVH_MAGIC,
		.version = 1,
		.cmdline_paddr = (uint64_t)h->cmdline,
		.rsdp_paddr = find_rsdp(),
		.memmap_paddr = (uint64_t)h->map,
	};
	*ret = h;
	return status;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	uint64_t bytes, base = 0, entry;
	struct efi_map map;
	struct handover *h;
	EFI_STATUS status;
	UINTN room;

	system = table;
	boot = table->BootServices;
	if (!place_measure(guest_elf, (uint64_t)(guest_elf_end - guest_elf),
			   &bytes))
		return fail(L"the guest in this file is damaged",
			    EFI_LOAD_ERROR);
	if (prepare(image, &h) != EFI_SUCCESS ||
	    reserve_map(&map, &room) != EFI_SUCCESS)
		return fail(L"no memory below 4 GiB", EFI_OUT_OF_RESOURCES);
	status = reserve_image(&map, room, bytes, &base);
	if (status != EFI_SUCCESS)
		return fail(L"no free memory for the guest", status);
	entry = place_copy(guest_elf, bytes, (uint8_t *)base);
	fail(L"the guest talks on COM1", EFI_SUCCESS);
	status = exit_boot_services(image, &map, room);
	if (status != EFI_SUCCESS)
		return fail(L"the firmware does not let go", status);
	leave(h, &map, entry);
	return EFI_ABORTED;
}
