//! The codes of RDB files, named as in the servers' `rdb.h`: opcodes, types of values, encodings of strings.

/// Valkey 9.0: slots that a migration was importing.
pub(super) const OPCODE_SLOT_IMPORT: u8 = 243;
/// What the writer counted in the slot that follows.
pub(super) const OPCODE_SLOT_INFO: u8 = 244;
/// A function library.
pub(super) const OPCODE_FUNCTION2: u8 = 245;
/// A function library, as the release candidates of Redis 7.0 wrote it.
pub(super) const OPCODE_FUNCTION_PRE_GA: u8 = 246;
/// What a module saved beside the keys.
pub(super) const OPCODE_MODULE_AUX: u8 = 247;
/// For how long nobody asked for the next key (LRU), in seconds.
pub(super) const OPCODE_IDLE: u8 = 248;
/// How often the next key is asked for (LFU), a byte.
pub(super) const OPCODE_FREQ: u8 = 249;
/// A field of the file: its name and its value.
pub(super) const OPCODE_AUX: u8 = 250;
/// How many keys the database has, and how many of them expire.
pub(super) const OPCODE_RESIZEDB: u8 = 251;
/// When the next key expires, in milliseconds since 1970.
pub(super) const OPCODE_EXPIRETIME_MS: u8 = 252;
/// When the next key expires, in seconds since 1970.
pub(super) const OPCODE_EXPIRETIME: u8 = 253;
/// The database that the keys behind it are in.
pub(super) const OPCODE_SELECTDB: u8 = 254;
/// The end of the file.
pub(super) const OPCODE_EOF: u8 = 255;

/// Opcodes that Redis Enterprise writes, each with a length behind it; no server of the two families has
/// them.
pub(super) const OPCODE_ENTERPRISE_A: u8 = 107;
/// The other one.
pub(super) const OPCODE_ENTERPRISE_B: u8 = 121;

pub(super) const TYPE_STRING: u8 = 0;
pub(super) const TYPE_LIST: u8 = 1;
pub(super) const TYPE_SET: u8 = 2;
/// Its scores are text.
pub(super) const TYPE_ZSET: u8 = 3;
pub(super) const TYPE_HASH: u8 = 4;
/// Its scores are doubles.
pub(super) const TYPE_ZSET_2: u8 = 5;
/// A module's value, as the release candidates of Redis 4.0 wrote it.
pub(super) const TYPE_MODULE_PRE_GA: u8 = 6;
pub(super) const TYPE_MODULE_2: u8 = 7;
/// No server ever wrote it.
pub(super) const TYPE_UNUSED: u8 = 8;
pub(super) const TYPE_HASH_ZIPMAP: u8 = 9;
pub(super) const TYPE_LIST_ZIPLIST: u8 = 10;
pub(super) const TYPE_SET_INTSET: u8 = 11;
pub(super) const TYPE_ZSET_ZIPLIST: u8 = 12;
pub(super) const TYPE_HASH_ZIPLIST: u8 = 13;
/// Its nodes are ziplists.
pub(super) const TYPE_LIST_QUICKLIST: u8 = 14;
pub(super) const TYPE_STREAM_LISTPACKS: u8 = 15;
pub(super) const TYPE_HASH_LISTPACK: u8 = 16;
pub(super) const TYPE_ZSET_LISTPACK: u8 = 17;
/// Its nodes are listpacks, or one large element each.
pub(super) const TYPE_LIST_QUICKLIST_2: u8 = 18;
/// With the first id, the greatest deleted one and how many were ever added.
pub(super) const TYPE_STREAM_LISTPACKS_2: u8 = 19;
pub(super) const TYPE_SET_LISTPACK: u8 = 20;
/// With the times at which consumers were active.
pub(super) const TYPE_STREAM_LISTPACKS_3: u8 = 21;
/// A hash whose fields expire: of Valkey 9.0 (`RDB_TYPE_HASH_2`), and of the release candidates of Redis 7.4
/// (`RDB_TYPE_HASH_METADATA_PRE_GA`), which write it in different ways.
pub(super) const TYPE_HASH_2: u8 = 22;
/// A listpack of a hash whose fields expire, as the release candidates of Redis 7.4 wrote it.
pub(super) const TYPE_HASH_LISTPACK_EX_PRE_GA: u8 = 23;
/// A hash whose fields expire, of Redis 7.4.
pub(super) const TYPE_HASH_METADATA: u8 = 24;
/// A listpack of a hash whose fields expire, of Redis 7.4.
pub(super) const TYPE_HASH_LISTPACK_EX: u8 = 25;

/// A node of a quicklist that is one large element.
pub(super) const QUICKLIST_NODE_PLAIN: u64 = 1;
/// A node of a quicklist that is a listpack.
pub(super) const QUICKLIST_NODE_PACKED: u64 = 2;

/// The end of a module's value.
pub(super) const MODULE_OPCODE_EOF: u64 = 0;
pub(super) const MODULE_OPCODE_SINT: u64 = 1;
pub(super) const MODULE_OPCODE_UINT: u64 = 2;
pub(super) const MODULE_OPCODE_FLOAT: u64 = 3;
pub(super) const MODULE_OPCODE_DOUBLE: u64 = 4;
pub(super) const MODULE_OPCODE_STRING: u64 = 5;

/// A length of 32 bits follows, the highest byte first.
pub(super) const LENGTH_32BIT: u8 = 0x80;
/// A length of 64 bits follows, the highest byte first.
pub(super) const LENGTH_64BIT: u8 = 0x81;

/// Encodings of strings: an integer of 8, 16 or 32 bits, the lowest byte first.
pub(super) const ENCODING_INT8: u8 = 0;
pub(super) const ENCODING_INT16: u8 = 1;
pub(super) const ENCODING_INT32: u8 = 2;
/// A string that LZF packed.
pub(super) const ENCODING_LZF: u8 = 3;
